/** What a page shows of the cluster: followed while somebody looks, and shown anew a few times a second at the most. */
export abstract class Showing<S> {
  private readonly listeners = new Set<() => void>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private end: (() => void) | undefined;

  protected constructor(
    private shown: S,
    /** Milliseconds within which changes are shown. */
    private readonly every: number,
  ) {}

  /** For useSyncExternalStore: the first listener starts it, the last one ends it. */
  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    this.end ??= this.start();
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) {
        this.end?.();
        this.end = undefined;
      }
    };
  };

  readonly snapshot = () => this.shown;

  /** Begin to follow; answers how to end. */
  protected abstract start(): () => void;

  /** What there is to show now. */
  protected abstract latest(): S;

  protected showSoon(): void {
    this.timer ??= setTimeout(() => this.show(), this.every);
  }

  protected show(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.shown = this.latest();
    for (const listener of this.listeners) listener();
  }
}
