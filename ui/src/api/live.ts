/** A list, or one object, that stays as the cluster has it; changes are shown a few times a second, however many come. */
import { type Connection, follow } from "./follow";
import { type Query, type Refused, request } from "./request";
import { Showing } from "./shown";
import type { Change, List, Stored } from "./types";

const PAGE = 500;
const SHOWN_EVERY = 150;

export interface Shown<T> {
  items: readonly T[];
  connection: Connection;
  failure?: Refused | undefined;
  /** Whether the server has more pages. */
  more: boolean;
}

export interface Source {
  list: string;
  watch: string;
  /** Query of both, without the prefix `listOptions.`. */
  options: Query;
  /** Query of the list alone. */
  query?: Query;
  /** Paths of the fields below the object. */
  fields?: string[];
}

export const keyOf = (one: Stored) => one.metadata.uid ?? `${one.metadata.namespace}/${one.metadata.name}`;

export class LiveList<T extends Stored> extends Showing<Shown<T>> {
  private readonly items = new Map<string, T>();
  private next = "";
  private connection: Connection = "loading";
  private failure: Refused | undefined;

  constructor(
    private readonly source: Source,
    /** Whether an object that left the cluster is still shown (an archived one is). */
    private readonly stays: (gone: T) => T | undefined = () => undefined,
  ) {
    super({ items: [], connection: "loading", more: false }, SHOWN_EVERY);
  }

  async loadMore(): Promise<void> {
    const from = this.next;
    if (!from) return;
    this.next = "";
    await this.page(from, new AbortController().signal);
    this.show();
  }

  protected start(): () => void {
    const { fields, watch, options } = this.source;
    return follow<T>({
      load: (signal) => this.load(signal),
      watch: {
        path: watch,
        query: {
          ...prefixed(options),
          fields: fields && ["result.type", ...fields.map((one) => `result.object.${one}`)].join(","),
        },
      },
      change: (change) => this.apply(change),
      state: (connection, failure) => {
        this.connection = connection;
        this.failure = failure;
        this.show();
      },
    });
  }

  private async load(signal: AbortSignal): Promise<string> {
    const { list, items } = await this.ask("", signal);
    this.items.clear();
    for (const one of items) this.items.set(keyOf(one), one);
    this.next = list.metadata.continue ?? "";
    return list.metadata.resourceVersion ?? "0";
  }

  private async page(from: string, signal: AbortSignal): Promise<void> {
    const { list, items } = await this.ask(from, signal);
    for (const one of items) if (!this.items.has(keyOf(one))) this.items.set(keyOf(one), one);
    this.next = list.metadata.continue ?? "";
  }

  private async ask(from: string, signal: AbortSignal): Promise<{ list: List<T>; items: T[] }> {
    const { list: path, options, query, fields } = this.source;
    const kept = fields && ["metadata", ...fields.map((one) => `items.${one}`)].join(",");
    const page = { "listOptions.limit": PAGE, "listOptions.continue": from, fields: kept };
    const list = await request<List<T>>("GET", path, { query: { ...prefixed(options), ...query, ...page }, signal });
    return { list, items: list.items ?? [] };
  }

  private apply({ type, object }: Change<T>): void {
    const key = keyOf(object);
    const kept = type === "DELETED" ? this.stays(object) : object;
    if (kept) this.items.set(key, kept);
    else this.items.delete(key);
    this.showSoon();
  }

  protected latest(): Shown<T> {
    return {
      items: [...this.items.values()],
      connection: this.connection,
      failure: this.failure,
      more: this.next !== "",
    };
  }
}

function prefixed(options: Query): Query {
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [`listOptions.${name}`, value]));
}
