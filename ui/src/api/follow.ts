/** Load, then watch from the loaded version; when the watch breaks, watch again, and when that is refused, load again. */
import { type Query, Refused } from "./request";
import { listenFor } from "./silence";
import { messages } from "./stream";
import type { Change, Stored } from "./types";

export type Connection = "loading" | "live" | "broken";

export interface Followed<T extends Stored> {
  /** Loads what there is; answers the version to watch from. */
  load: (signal: AbortSignal) => Promise<string>;
  watch: { path: string; query: Query };
  change: (change: Change<T>) => void;
  state: (connection: Connection, failure?: Refused) => void;
}

const LONGEST_WAIT = 20_000;
/** A page of a list comes sooner, or not at all. */
const LOADS_WITHIN = 60_000;

export function follow<T extends Stored>(followed: Followed<T>): () => void {
  const ended = new AbortController();
  void run(followed, ended.signal);
  return () => ended.abort();
}

async function run<T extends Stored>(followed: Followed<T>, signal: AbortSignal): Promise<void> {
  let wait = 500;
  followed.state("loading");
  while (!signal.aborted) {
    try {
      const version = await load(followed, signal);
      if (signal.aborted) return;
      followed.state("live");
      await watchFrom(followed, version, signal, () => {
        wait = 500;
      });
    } catch (e) {
      if (signal.aborted) return;
      followed.state("broken", e instanceof Refused ? e : new Refused(0, String(e)));
    }
    await pause(wait * (0.75 + Math.random() / 2), signal);
    wait = Math.min(wait * 2, LONGEST_WAIT);
  }
}

async function load<T extends Stored>(followed: Followed<T>, signal: AbortSignal): Promise<string> {
  const listening = listenFor(LOADS_WITHIN, signal);
  try {
    return await followed.load(listening.signal);
  } finally {
    listening.stop();
  }
}

/** Returns only by an error: a watch that the server ends in good order goes on from the last version. */
async function watchFrom<T extends Stored>(
  followed: Followed<T>,
  from: string,
  signal: AbortSignal,
  alive: () => void,
): Promise<void> {
  let version = from;
  while (!signal.aborted) {
    const query = { ...followed.watch.query, "listOptions.resourceVersion": version };
    for await (const change of messages<Change<T>>(followed.watch.path, query, signal)) {
      version = change.object.metadata.resourceVersion ?? version;
      followed.change(change);
      alive();
    }
    await pause(250, signal);
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = setTimeout(done, milliseconds);
    function done() {
      clearTimeout(end);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
  });
}
