/** The nodes over time: what ran beside what, and what took long. */
import "./timeline.css";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useDeferredValue, useMemo, useRef } from "react";
import { duration, local, span, useNow } from "../../parts/time";
import { labelOf, type Nodes } from "./nodes";
import { ticks, timeline } from "./timeline";

interface Props {
  nodes: Nodes;
  isEnded: boolean;
  selected: string | undefined;
  onSelect: (id: string | undefined) => void;
}

const HEIGHT = 26;

export function TimelineView({ nodes, isEnded, selected, onSelect }: Props) {
  const clock = useNow();
  const now = isEnded ? 0 : clock;
  const shown = useDeferredValue(nodes);
  const { start, end, bars } = useMemo(() => timeline(shown, now || Date.now()), [shown, now]);
  const scroll = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: bars.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => HEIGHT,
    overscan: 15,
  });
  return (
    <div className="timeline card">
      <div className="timeline-axis" aria-hidden="true">
        {ticks(end - start, 6).map((tick) => (
          <span key={tick} style={{ left: `${(100 * tick) / (end - start)}%` }}>
            {tick === 0 ? "0" : span(tick)}
          </span>
        ))}
      </div>
      <div className="tree-scroll" ref={scroll}>
        <ul aria-label="Nodes by their start" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map(({ index, start: top }) => {
            const bar = bars[index];
            if (!bar) return null;
            const { node, from, to } = bar;
            const took = duration(node.startedAt, node.finishedAt, clock);
            return (
              <li key={node.id} style={{ transform: `translateY(${top}px)`, height: HEIGHT }}>
                <button
                  type="button"
                  className={`timeline-row phase-${(node.phase || "pending").toLowerCase()}`}
                  aria-pressed={node.id === selected}
                  aria-label={`${labelOf(node)}, ${node.phase}, ${took}`}
                  title={`${labelOf(node)}\n${local(node.startedAt)}\n${took}`}
                  onClick={() => onSelect(node.id)}
                >
                  <span className="timeline-label">{labelOf(node)}</span>
                  <span className="timeline-lane">
                    <span className="timeline-bar" style={{ left: `${100 * from}%`, width: `${100 * (to - from)}%` }} />
                  </span>
                  <span className="timeline-time">{took}</span>
                </button>
              </li>
            );
          })}
        </ul>
      </div>
    </div>
  );
}
