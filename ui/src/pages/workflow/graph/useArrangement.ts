import { useEffect, useRef, useState } from "react";
import type { Arrangement, Direction, Question } from "./arrange";
import type { Drawing } from "./model";

/** The arrangement of a drawing; the one before it until it is there. Anew only when vertices or edges are others. */
export function useArrangement(drawing: Drawing, direction: Direction): Arrangement | undefined {
  const [arrangement, setArrangement] = useState<Arrangement>();
  const worker = useRef<Worker>(undefined);
  const asked = useRef(0);
  const isBusy = useRef(false);
  const next = useRef<Question>(undefined);

  useEffect(() => {
    const made = new Worker(new URL("./arrange.worker.ts", import.meta.url), { type: "module" });
    worker.current = made;
    made.addEventListener("message", ({ data }: MessageEvent<Arrangement>) => {
      setArrangement(data);
      isBusy.current = false;
      // only the newest of those that came meanwhile
      if (next.current) {
        isBusy.current = true;
        made.postMessage(next.current);
        next.current = undefined;
      }
    });
    return () => {
      made.terminate();
      isBusy.current = false;
      next.current = undefined;
    };
  }, []);

  const shape = JSON.stringify([drawing.vertices.map(({ id }) => id), drawing.edges, direction]);
  useEffect(() => {
    const [vertices, edges, chosen] = JSON.parse(shape) as [string[], [string, string][], Direction];
    asked.current += 1;
    const question: Question = { id: asked.current, vertices, edges, direction: chosen };
    if (isBusy.current) next.current = question;
    else {
      isBusy.current = true;
      worker.current?.postMessage(question);
    }
  }, [shape]);
  return arrangement;
}
