/** Who has said nothing for too long is not there any more, whatever the connection looks like. */
import { Refused } from "./request";

export interface Listening {
  /** Aborted by the caller's own signal, or by silence; the reason says which. */
  signal: AbortSignal;
  heard: () => void;
  stop: () => void;
}

export function listenFor(milliseconds: number, signal: AbortSignal): Listening {
  const silent = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = () => clearTimeout(timer);
  const heard = () => {
    stop();
    timer = setTimeout(
      () => silent.abort(new Refused(0, `The server has said nothing for ${milliseconds / 1000} seconds.`)),
      milliseconds,
    );
  };
  heard();
  return { signal: AbortSignal.any([signal, silent.signal]), heard, stop };
}

/** The same bytes, and each one is heard. */
export const overheard = (heard: () => void) =>
  new TransformStream<BufferSource, BufferSource>({
    transform(chunk, out) {
      heard();
      out.enqueue(chunk);
    },
  });
