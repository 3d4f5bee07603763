/** Moving and zooming by pointer, fingers, wheel and keys. While something moves, only one attribute of the document changes. */
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { type Arrangement, HEIGHT, WIDTH } from "./arrange";
import { fitted, type View, zoomed } from "./view";

const MOVED = 4;

export function usePanning(arrangement: Arrangement | undefined) {
  const frame = useRef<SVGSVGElement>(null);
  const group = useRef<SVGGElement>(null);
  const [view, setView] = useState<View>({ x: 0, y: 0, scale: 1 });
  const [size, setSize] = useState({ width: 0, height: 0 });
  const now = useRef(view);
  const waiting = useRef(0);

  /** Moves at once; what has come into view is added in the next frame. */
  const move = useCallback((next: View) => {
    now.current = next;
    group.current?.setAttribute("transform", `translate(${next.x} ${next.y}) scale(${next.scale})`);
    cancelAnimationFrame(waiting.current);
    waiting.current = requestAnimationFrame(() => setView(now.current));
  }, []);

  useLayoutEffect(() => {
    const element = frame.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setSize({ width: element.clientWidth, height: element.clientHeight }));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const fitAll = useCallback(() => {
    if (arrangement && size.width) move(fitted(arrangement, size.width, size.height));
  }, [arrangement, size, move]);
  // what grows is shown whole until the reader has moved it: then it must not jump below the hand
  const isTouched = useRef(false);
  useEffect(() => {
    if (!isTouched.current) fitAll();
  }, [fitAll]);
  const moveByHand = useCallback(
    (next: View) => {
      isTouched.current = true;
      move(next);
    },
    [move],
  );

  const zoom = useCallback(
    (factor: number) => {
      const { clientWidth = 0, clientHeight = 0 } = frame.current ?? {};
      moveByHand(zoomed(now.current, factor, { x: clientWidth / 2, y: clientHeight / 2 }));
    },
    [moveByHand],
  );

  /** Moves as little as is needed to have a place in view. */
  const bring = useCallback(
    ({ x, y }: { x: number; y: number }) => {
      const { clientWidth = 0, clientHeight = 0 } = frame.current ?? {};
      const scale = Math.max(now.current.scale, 0.6);
      const [left, top] = [now.current.x + x * now.current.scale, now.current.y + y * now.current.scale];
      const isSeen = left > WIDTH / 2 && left < clientWidth - WIDTH / 2 && top > HEIGHT && top < clientHeight - HEIGHT;
      if (!isSeen || scale !== now.current.scale)
        moveByHand({ scale, x: clientWidth / 2 - x * scale, y: clientHeight / 2 - y * scale });
    },
    [moveByHand],
  );

  useEffect(() => {
    const element = frame.current;
    return element ? handlePointers(element, now, moveByHand) : undefined;
  }, [moveByHand]);
  return { frame, group, view, size, zoom, fitAll, bring };
}

function handlePointers(element: SVGSVGElement, now: { current: View }, move: (view: View) => void): () => void {
  const fingers = new Map<number, { x: number; y: number }>();
  let travelled = 0;
  const local = (event: PointerEvent | WheelEvent) => {
    const { left, top } = element.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };
  const down = (event: PointerEvent) => {
    if (fingers.size === 0) travelled = 0;
    fingers.set(event.pointerId, local(event));
  };
  const drag = (event: PointerEvent) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const point = local(event);
    fingers.set(event.pointerId, point);
    travelled += Math.hypot(point.x - before.x, point.y - before.y);
    if (travelled > MOVED && !element.hasPointerCapture(event.pointerId)) element.setPointerCapture(event.pointerId);
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    const { x, y, scale } = now.current;
    if (!other) move({ scale, x: x + point.x - before.x, y: y + point.y - before.y });
    else {
      const factor =
        Math.hypot(point.x - other.x, point.y - other.y) / Math.hypot(before.x - other.x, before.y - other.y);
      move(zoomed(now.current, factor, { x: (point.x + other.x) / 2, y: (point.y + other.y) / 2 }));
    }
  };
  const up = (event: PointerEvent) => fingers.delete(event.pointerId);
  // a drag that ends on a vertex does not choose it
  const click = (event: MouseEvent) => {
    if (travelled > MOVED) event.stopPropagation();
  };
  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    const { x, y, scale } = now.current;
    if (event.shiftKey) move({ scale, x: x - event.deltaY - event.deltaX, y });
    else move(zoomed(now.current, Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)), local(event)));
  };
  element.addEventListener("pointerdown", down);
  element.addEventListener("pointermove", drag);
  element.addEventListener("pointerup", up);
  element.addEventListener("pointercancel", up);
  element.addEventListener("click", click, { capture: true });
  element.addEventListener("wheel", wheel, { passive: false });
  return () => {
    element.removeEventListener("pointerdown", down);
    element.removeEventListener("pointermove", drag);
    element.removeEventListener("pointerup", up);
    element.removeEventListener("pointercancel", up);
    element.removeEventListener("click", click, { capture: true });
    element.removeEventListener("wheel", wheel);
  };
}
