/** One object that stays as the cluster has it. It is followed in a worker: however large it is, the page does not stand still. */
import { type Caller, caller } from "./caller";
import { type Difference, patched } from "./difference";
import type { Connection } from "./follow";
import { Refused } from "./request";
import { Showing } from "./shown";
import type { Stored } from "./types";

export interface ShownOne<T> {
  object?: T | undefined;
  connection: Connection;
  failure?: Refused | undefined;
  /** Whether it has left the cluster since it was loaded. */
  isGone: boolean;
}

export interface OneSource {
  object: string;
  watch: string;
  name: string;
  uid?: string;
}

/** What a worker is asked to follow, and for whom. */
export interface Asked {
  source: OneSource;
  caller: Caller;
}

/** What a worker tells: the object as a whole first, then what of it has changed. */
export interface Told {
  whole?: Stored;
  changed?: Difference;
  connection: Connection;
  failure?: { status: number; message: string };
  isGone: boolean;
}

export class LiveOne<T extends Stored> extends Showing<ShownOne<T>> {
  private now: ShownOne<T> = { connection: "loading", isGone: false };

  constructor(private readonly source: OneSource) {
    super({ connection: "loading", isGone: false }, 0);
  }

  protected start(): () => void {
    const worker = new Worker(new URL("./one.worker.ts", import.meta.url), { type: "module" });
    worker.addEventListener("message", ({ data }: MessageEvent<Told>) => this.hear(data));
    worker.postMessage({ source: this.source, caller: caller() } satisfies Asked);
    return () => worker.terminate();
  }

  private hear({ whole, changed, connection, failure, isGone }: Told): void {
    const before = (whole as T | undefined) ?? this.now.object;
    const object = before && changed ? patched(before, changed) : before;
    this.now = { object, connection, failure: failure && new Refused(failure.status, failure.message), isGone };
    this.show();
  }

  protected latest(): ShownOne<T> {
    return this.now;
  }
}
