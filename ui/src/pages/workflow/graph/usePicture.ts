import { useEffect, useRef, useState } from "react";
import type { Nodes } from "../nodes";
import type { Arrangement, Direction } from "./arrange";
import type { Drawing, Opened } from "./model";
import { type Asked, type Picture, told } from "./picture";

interface Wanted {
  nodes: Nodes;
  opened: Opened;
  direction: Direction;
}

interface Shown {
  drawing: Drawing;
  arrangement: Arrangement;
}

/** What a worker draws of the nodes; the picture before it until it is there. Of changes that come meanwhile only the newest counts. */
export function usePicture(nodes: Nodes, opened: Opened, direction: Direction): Shown | undefined {
  const [shown, setShown] = useState<Shown>();
  const ask = useRef<(wanted: Wanted) => void>(undefined);
  useEffect(() => {
    const worker = new Worker(new URL("./picture.worker.ts", import.meta.url), { type: "module" });
    ask.current = asking(worker, (picture) => setShown((old) => ({ ...old, ...picture }) as Shown));
    return () => worker.terminate();
  }, []);
  useEffect(() => ask.current?.({ nodes, opened, direction }), [nodes, opened, direction]);
  return shown;
}

/** One question at a time. */
function asking(worker: Worker, show: (picture: Picture) => void): (wanted: Wanted) => void {
  let known: Nodes = {};
  let isBusy = false;
  let next: Wanted | undefined;
  const ask = ({ nodes, opened, direction }: Wanted) => {
    isBusy = true;
    worker.postMessage({ ...told(known, nodes), opened, direction } satisfies Asked);
    known = nodes;
  };
  worker.addEventListener("message", ({ data }: MessageEvent<Picture>) => {
    isBusy = false;
    if (data.drawing || data.arrangement) show(data);
    if (next) ask(next);
    next = undefined;
  });
  return (wanted) => {
    if (isBusy) next = wanted;
    else ask(wanted);
  };
}
