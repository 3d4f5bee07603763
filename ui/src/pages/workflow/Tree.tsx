/** The nodes as a tree; the way through the workflow for who does not look at graphs. */
import "./tree.css";
import { type KeyboardEvent, useDeferredValue, useEffect, useMemo, useState } from "react";
import { Button } from "../../parts/Button";
import { PhaseMark } from "../../parts/PhaseMark";
import { duration, useNow } from "../../parts/time";
import { useKeyedRows } from "../../parts/useKeyedRows";
import { labelOf, type Nodes, reason } from "./nodes";
import { type Row, rows as rowsOf } from "./rows";

interface Props {
  nodes: Nodes;
  selected: string | undefined;
  onSelect: (id: string | undefined) => void;
}

const HEIGHT = 28;

export function Tree({ nodes, selected, onSelect }: Props) {
  const [toggled, setToggled] = useState<ReadonlySet<string>>(new Set());
  const [isFailedFirst, setFailedFirst] = useState(false);
  // what thousands of nodes do must not hold up who presses a key
  const shown = useDeferredValue(nodes);
  const rows = useMemo(() => rowsOf(shown, toggled, isFailedFirst), [shown, toggled, isFailedFirst]);
  const [active, setActive] = useState<string>();
  const found = rows.findIndex(({ node }) => node.id === (active ?? selected));
  const focus = Math.max(0, found);
  const { scroll, virtual, focusOn } = useKeyedRows({
    count: rows.length,
    height: HEIGHT,
    active: focus,
    keyOf: (index) => rows[index]?.node.id ?? index,
  });
  useEffect(() => {
    if (selected) setActive(selected);
  }, [selected]);

  const toggle = (id: string) => {
    const next = new Set(toggled);
    if (!next.delete(id)) next.add(id);
    setToggled(next);
  };
  const go = (wanted: number) => {
    const to = Math.max(0, Math.min(rows.length - 1, wanted));
    setActive(rows[to]?.node.id);
    focusOn(to);
  };
  const press = (event: KeyboardEvent) => {
    const at = event.target instanceof HTMLElement ? Number(event.target.dataset.index ?? focus) : focus;
    const row = rows[at];
    if (!row) return;
    const moves: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 };
    const to = moves[event.key];
    if (to !== undefined) go(to);
    else if (event.key === "ArrowRight") row.inside && !row.isOpen ? open(at) : go(at + 1);
    else if (event.key === "ArrowLeft") row.isOpen ? open(at) : go(outer(rows, at));
    else if (event.key === "Enter" || event.key === " ") onSelect(row.node.id);
    else return;
    event.preventDefault();
  };
  /** Opens or closes a row, which keeps the focus. */
  const open = (at: number) => {
    const id = rows[at]?.node.id;
    setActive(id);
    if (id) toggle(id);
  };

  return (
    <div className="tree card">
      <div className="tree-tools row">
        <Button aria-pressed={isFailedFirst} onClick={() => setFailedFirst(!isFailedFirst)}>
          Failed first
        </Button>
        <span className="quiet">{rows.length} rows</span>
      </div>
      <div className="tree-scroll" ref={scroll}>
        <div
          role="tree"
          aria-label="Nodes"
          style={{ height: virtual.getTotalSize(), position: "relative" }}
          onKeyDown={press}
          tabIndex={-1}
        >
          {virtual.getVirtualItems().map(({ index, start }) => {
            const row = rows[index];
            return (
              row && (
                <TreeRow
                  key={row.node.id}
                  index={index}
                  row={row}
                  top={start}
                  isSelected={row.node.id === selected}
                  isActive={index === focus}
                  onToggle={toggle}
                  onSelect={onSelect}
                />
              )
            );
          })}
        </div>
      </div>
    </div>
  );
}

/** The row that another one hangs below. */
function outer(rows: Row[], index: number): number {
  const depth = rows[index]?.depth ?? 0;
  for (let at = index - 1; at >= 0; at -= 1) if ((rows[at]?.depth ?? 0) < depth) return at;
  return index;
}

interface TreeRowProps {
  index: number;
  row: Row;
  top: number;
  isSelected: boolean;
  isActive: boolean;
  onToggle: (id: string) => void;
  onSelect: (id: string) => void;
}

function TreeRow({
  index,
  row: { node, depth, inside, isOpen },
  top,
  isSelected,
  isActive,
  onToggle,
  onSelect,
}: TreeRowProps) {
  const now = useNow();
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are handled by the tree around it
    <div
      className="tree-row"
      role="treeitem"
      data-index={index}
      aria-level={depth + 1}
      aria-selected={isSelected}
      {...(inside > 0 && { "aria-expanded": isOpen })}
      tabIndex={isActive ? 0 : -1}
      style={{ transform: `translateY(${top}px)`, height: HEIGHT, paddingLeft: 8 + depth * 18 }}
      onClick={() => onSelect(node.id)}
    >
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the arrow keys do the same */}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: as above */}
      <span
        className="tree-arrow"
        onClick={(event) => {
          event.stopPropagation();
          if (inside > 0) onToggle(node.id);
        }}
      >
        {inside > 0 ? (isOpen ? "▾" : "▸") : ""}
      </span>
      <PhaseMark phase={node.phase} short />
      <span className="tree-label">{labelOf(node)}</span>
      {inside > 0 && !isOpen && <span className="quiet">({inside})</span>}
      <span className="tree-time quiet">{duration(node.startedAt, node.finishedAt, now)}</span>
      <span className="tree-reason quiet">{reason(node)}</span>
    </div>
  );
}
