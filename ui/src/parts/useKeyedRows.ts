/** Rows of which only the seen ones are in the document, with one that has the focus: that one is always there. */
import { defaultRangeExtractor, useVirtualizer } from "@tanstack/react-virtual";
import { type Key, useEffect, useLayoutEffect, useRef } from "react";

interface Rows {
  count: number;
  height: number;
  /** The index of the row that has the focus, or would get it. */
  active: number;
  keyOf: (index: number) => Key;
}

export function useKeyedRows({ count, height, active, keyOf }: Rows) {
  const scroll = useRef<HTMLDivElement>(null);
  const wanted = useRef<number>(undefined);
  const virtual = useVirtualizer({
    count,
    getScrollElement: () => scroll.current,
    estimateSize: () => height,
    overscan: 12,
    getItemKey: keyOf,
    rangeExtractor: (range) => {
      const seen = defaultRangeExtractor(range);
      return active < 0 || active >= count || seen.includes(active) ? seen : [...seen, active].sort((a, b) => a - b);
    },
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: another height is what it measures for
  useEffect(() => virtual.measure(), [virtual, height]);
  // after whatever brought the row into the document
  useLayoutEffect(() => {
    if (wanted.current === undefined) return;
    const row = scroll.current?.querySelector<HTMLElement>(`[data-index="${wanted.current}"]`);
    if (!row) return;
    wanted.current = undefined;
    row.focus({ preventScroll: true });
  });
  /** Scrolls to a row and gives it the focus; the caller makes it the active one. */
  const focusOn = (index: number) => {
    wanted.current = index;
    virtual.scrollToIndex(index);
  };
  return { scroll, virtual, focusOn };
}
