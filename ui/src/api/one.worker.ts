/** Follows one object: reads and compares beside the page, and tells it a few times a second what has changed. */
import { asksFor } from "./caller";
import { type Difference, difference } from "./difference";
import { follow } from "./follow";
import type { Asked, OneSource, Told } from "./one";
import { request } from "./request";
import type { Change, Stored } from "./types";

const TOLD_EVERY = 200;
/** The object, its status, the nodes: a node that has changed is told as a whole. */
const LEVELS = 3;

class Follower {
  private object: Stored | undefined;
  private told: Stored | undefined;
  private state: Omit<Told, "whole" | "changed"> = { connection: "loading", isGone: false };
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly source: OneSource) {}

  start(): void {
    const { object, watch, name, uid } = this.source;
    follow<Stored>({
      load: async (signal) => {
        this.object = await request<Stored>("GET", object, { query: { uid }, signal });
        this.state = { ...this.state, isGone: false };
        return this.object.metadata.resourceVersion ?? "";
      },
      watch: { path: watch, query: { "listOptions.fieldSelector": `metadata.name=${name}` } },
      change: (change) => this.apply(change),
      state: (connection, failure) => {
        const { isGone } = this.state;
        const said = failure && { status: failure.status, message: failure.message };
        this.state = { connection, isGone, ...(said && { failure: said }) };
        this.tell();
      },
    });
  }

  private apply({ type, object }: Change<Stored>): void {
    const uid = this.object?.metadata.uid;
    // another object of the same name is not the one that is looked at
    if (uid && object.metadata.uid && uid !== object.metadata.uid) return;
    const isGone = type === "DELETED";
    if (!isGone) this.object = object;
    this.state = { ...this.state, isGone };
    this.timer ??= setTimeout(() => this.tell(), TOLD_EVERY);
  }

  private tell(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { told, object } = this;
    const changed: Difference | undefined = told && object && difference(told, object, LEVELS);
    const whole = told ? undefined : object;
    this.told = object;
    postMessage({ ...this.state, ...(whole && { whole }), ...(changed && { changed }) } satisfies Told);
  }
}

addEventListener("message", ({ data: { source, caller } }: MessageEvent<Asked>) => {
  asksFor(caller);
  new Follower(source).start();
});
