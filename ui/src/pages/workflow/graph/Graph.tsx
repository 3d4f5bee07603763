/** The graph of a workflow's nodes. */
import "./graph.css";
import { type KeyboardEvent, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { Button } from "../../../parts/Button";
import type { Nodes } from "../nodes";
import type { Direction } from "./arrange";
import { NOTHING_OPENED, type Opened, opening, type Vertex } from "./model";
import { usePanning } from "./usePanning";
import { usePicture } from "./usePicture";
import { VertexShape } from "./VertexShape";
import { neighbour, seen, WORDS_FROM } from "./view";

interface Props {
  nodes: Nodes;
  selected: string | undefined;
  onSelect: (id: string | undefined) => void;
}

const KEPT = "tiphys-graph-direction";

/** As it was chosen here before; else to the right, on a phone downwards. */
function chosenDirection(): Direction {
  const kept = localStorage.getItem(KEPT);
  if (kept === "TB" || kept === "LR") return kept;
  return matchMedia("(max-width: 760px)").matches ? "TB" : "LR";
}

export function Graph({ nodes, selected, onSelect }: Props) {
  const [opened, setOpened] = useState<Opened>(NOTHING_OPENED);
  const [direction, setDirection] = useState(chosenDirection);
  const { drawing, arrangement } = usePicture(nodes, opened, direction) ?? {};
  const { frame, group, view, size, zoom, fitAll, bring } = usePanning(arrangement);
  const vertices = useMemo(() => new Map(drawing?.vertices.map((one) => [one.id, one])), [drawing]);
  const part = useMemo(
    () => arrangement && seen(arrangement, view, size.width, size.height),
    [arrangement, view, size],
  );
  const [active, setActive] = useState<string>();
  const focus = active && vertices.has(active) ? active : drawing?.vertices[0]?.id;

  // a vertex that was out of view is in the document only after the move
  const wanted = useRef<string>(undefined);
  useLayoutEffect(() => {
    const vertex =
      wanted.current && frame.current?.querySelector<SVGGElement>(`[data-id="${CSS.escape(wanted.current)}"]`);
    if (!vertex) return;
    wanted.current = undefined;
    vertex.focus();
  });

  // of a group that was opened the first one is shown, once it has a place
  const awaited = useRef<string>(undefined);
  useEffect(() => {
    const first = awaited.current && arrangement?.places[awaited.current];
    if (!first) return;
    wanted.current = awaited.current;
    awaited.current = undefined;
    bring(first);
  }, [arrangement, bring]);

  const choose = useCallback(
    (vertex: Vertex) => {
      if (vertex.kind === "group") {
        setActive(vertex.first);
        awaited.current = vertex.first;
        setOpened((old) => opening(old, vertex));
      } else {
        setActive(vertex.id);
        onSelect(vertex.id);
      }
    },
    [onSelect],
  );
  const toggle = useCallback((vertex: Vertex) => setOpened((old) => opening(old, vertex)), []);

  // a node that was chosen elsewhere (an address, the tree) is brought into view
  const place = selected ? arrangement?.places[selected] : undefined;
  const brought = useRef<string>(undefined);
  useEffect(() => {
    if (!selected) brought.current = undefined;
    if (place && selected && brought.current !== selected) {
      brought.current = selected;
      bring(place);
    }
  }, [place, selected, bring]);

  const press = (event: KeyboardEvent) => {
    const touched = event.target instanceof Element && event.target.closest<SVGGElement>(".vertex")?.dataset.id;
    const at = touched || focus;
    if (!arrangement || !at) return;
    const vertex = vertices.get(at);
    const next = neighbour(arrangement.places, at, event.key);
    if (next) {
      setActive(next);
      bring(arrangement.places[next] ?? { x: 0, y: 0 });
      wanted.current = next;
    } else if ((event.key === "Enter" || event.key === " ") && vertex) choose(vertex);
    else if (event.key === "o" && vertex && (vertex.kind !== "node" || vertex.canClose)) toggle(vertex);
    else if (event.key === "+" || event.key === "=") zoom(1.25);
    else if (event.key === "-") zoom(0.8);
    else if (event.key === "0") fitAll();
    else return;
    event.preventDefault();
  };
  const turn = () => {
    const next = direction === "LR" ? "TB" : "LR";
    localStorage.setItem(KEPT, next);
    setDirection(next);
  };

  return (
    <div className="graph card">
      <div className="graph-tools" role="toolbar" aria-label="Graph">
        <Button aria-label="Larger" onClick={() => zoom(1.25)}>
          +
        </Button>
        <Button aria-label="Smaller" onClick={() => zoom(0.8)}>
          −
        </Button>
        <Button onClick={fitAll}>Fit</Button>
        <Button aria-label={direction === "LR" ? "Draw downwards" : "Draw to the right"} onClick={turn}>
          {direction === "LR" ? "↓" : "→"}
        </Button>
        {opened !== NOTHING_OPENED && <Button onClick={() => setOpened(NOTHING_OPENED)}>Close groups</Button>}
      </div>
      {!arrangement && <p className="graph-wait quiet">Drawing {Object.keys(nodes).length} nodes…</p>}
      <svg ref={frame} className="graph-frame" role="group" aria-label="Nodes of the workflow" onKeyDown={press}>
        <g ref={group} transform={`translate(${view.x} ${view.y}) scale(${view.scale})`}>
          {part?.edges.map((index) => {
            const edge = arrangement?.edges[index];
            return edge && <path key={`${edge.from}\n${edge.to}`} className="graph-edge" d={edge.path} />;
          })}
          {part?.vertices.map((id) => {
            const vertex = vertices.get(id);
            const where = arrangement?.places[id];
            return (
              vertex &&
              where && (
                <VertexShape
                  key={id}
                  vertex={vertex}
                  x={where.x}
                  y={where.y}
                  isSelected={id === selected}
                  isActive={id === focus}
                  hasWords={view.scale >= WORDS_FROM}
                  onChoose={choose}
                  onToggle={toggle}
                />
              )
            );
          })}
        </g>
      </svg>
    </div>
  );
}
