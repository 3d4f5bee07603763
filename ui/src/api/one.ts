/** One object that stays as the cluster has it. */
import { type Connection, follow } from "./follow";
import { type Refused, request } from "./request";
import { Showing } from "./shown";
import type { Change, Stored } from "./types";

const SHOWN_EVERY = 200;

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

export class LiveOne<T extends Stored> extends Showing<ShownOne<T>> {
  private next: ShownOne<T> = { connection: "loading", isGone: false };

  constructor(private readonly source: OneSource) {
    super({ connection: "loading", isGone: false }, SHOWN_EVERY);
  }

  protected start(): () => void {
    const { object, watch, name, uid } = this.source;
    return follow<T>({
      load: async (signal) => {
        const found = await request<T>("GET", object, { query: { uid }, signal });
        this.next = { ...this.next, object: found, isGone: false };
        return found.metadata.resourceVersion ?? "";
      },
      watch: { path: watch, query: { "listOptions.fieldSelector": `metadata.name=${name}` } },
      change: (change) => this.apply(change),
      state: (connection, failure) => {
        this.next = { ...this.next, connection, failure };
        this.show();
      },
    });
  }

  private apply({ type, object }: Change<T>): void {
    const uid = this.next.object?.metadata.uid;
    // another object of the same name is not the one that is looked at
    if (uid && object.metadata.uid && uid !== object.metadata.uid) return;
    this.next = type === "DELETED" ? { ...this.next, isGone: true } : { ...this.next, object, isGone: false };
    this.showSoon();
  }

  protected latest(): ShownOne<T> {
    return this.next;
  }
}
