/** One node, closed graph or group as it is drawn. */
import { memo } from "react";
import { shapeOf } from "../../../parts/PhaseMark";
import { HEIGHT, WIDTH } from "./arrange";
import { failures, type Vertex } from "./model";

interface Props {
  vertex: Vertex;
  x: number;
  y: number;
  isSelected: boolean;
  isActive: boolean;
  hasWords: boolean;
  onChoose: (vertex: Vertex) => void;
  onToggle: (vertex: Vertex) => void;
}

export const VertexShape = memo(
  function VertexShape({ vertex, x, y, isSelected, isActive, hasWords, onChoose, onToggle }: Props) {
    const phase = vertex.phase || "Pending";
    const isMany = vertex.kind !== "node";
    return (
      <g
        className={`vertex phase-${phase.toLowerCase()}`}
        transform={`translate(${x - WIDTH / 2} ${y - HEIGHT / 2})`}
        role="button"
        tabIndex={isActive ? 0 : -1}
        data-id={vertex.id}
        aria-pressed={isSelected}
        aria-label={spoken(vertex)}
        onClick={() => onChoose(vertex)}
      >
        {isMany && <rect className="vertex-behind" x={4} y={4} width={WIDTH} height={HEIGHT} rx={7} />}
        <rect className={hasWords ? "vertex-box" : "vertex-box vertex-far"} width={WIDTH} height={HEIGHT} rx={7} />
        <rect className="vertex-edge" width={5} height={HEIGHT} rx={2.5} />
        {hasWords && (
          <>
            <title>{`${vertex.label}\n${phase}${vertex.message ? `\n${vertex.message}` : ""}`}</title>
            <text className="vertex-mark" x={18} y={HEIGHT / 2 + 4.5} textAnchor="middle">
              {shapeOf(phase)}
            </text>
            <text className="vertex-label" x={31} y={isMany || vertex.canClose ? 16 : HEIGHT / 2 + 4.5}>
              {cut(vertex.label, 22)}
            </text>
            {(isMany || vertex.canClose) && (
              <text className="vertex-more" x={31} y={30}>
                {vertex.canClose ? vertex.type : counted(vertex)}
              </text>
            )}
            {(vertex.kind === "closed" || vertex.canClose) && <Toggle vertex={vertex} onToggle={onToggle} />}
          </>
        )}
      </g>
    );
  },
  (a, b) =>
    same(a.vertex, b.vertex) &&
    a.x === b.x &&
    a.y === b.y &&
    a.isSelected === b.isSelected &&
    a.isActive === b.isActive &&
    a.hasWords === b.hasWords,
);

/** A new event brings new objects; what is drawn of them is mostly the same. */
function same(a: Vertex, b: Vertex): boolean {
  return (
    a.phase === b.phase &&
    a.label === b.label &&
    a.kind === b.kind &&
    a.canClose === b.canClose &&
    a.message === b.message &&
    a.total === b.total &&
    counted(a) === counted(b)
  );
}

function Toggle({ vertex, onToggle }: { vertex: Vertex; onToggle: (vertex: Vertex) => void }) {
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the key `o` does the same
    <g
      className="vertex-toggle"
      transform={`translate(${WIDTH - 28} 0)`}
      onClick={(event) => {
        event.stopPropagation();
        onToggle(vertex);
      }}
    >
      <rect width={28} height={HEIGHT} rx={7} />
      <text x={14} y={HEIGHT / 2 + 5} textAnchor="middle">
        {vertex.kind === "closed" ? "⊞" : "⊟"}
      </text>
    </g>
  );
}

const cut = (text: string, length: number) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

function counted({ counts, total }: Vertex): string {
  const bad = failures(counts);
  const running = counts.Running ?? 0;
  const done = (counts.Succeeded ?? 0) + (counts.Skipped ?? 0) + (counts.Omitted ?? 0);
  return [bad && `${bad} failed`, running && `${running} running`, `${done}/${total}`].filter(Boolean).join(" · ");
}

function spoken(vertex: Vertex): string {
  const phase = vertex.phase || "Pending";
  if (vertex.kind === "group") return `${vertex.label}, ${vertex.total} alike, ${counted(vertex)}. Show them`;
  if (vertex.kind === "closed") return `${vertex.label}, ${phase}, closed with ${vertex.total} nodes inside`;
  return `${vertex.label}, ${phase}`;
}
