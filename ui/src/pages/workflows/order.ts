/** In which order workflows are listed. */
import type { Workflow } from "../../api/types";
import { at } from "../../parts/time";

export const COLUMNS = ["name", "phase", "age", "duration", "progress"] as const;
export type Column = (typeof COLUMNS)[number];
export interface Order {
  by: Column;
  isDown: boolean;
}

/** `-age`; what is not understood is the default: newest first. */
export function readOrder(text: string | null): Order {
  const by = (text ?? "").replace(/^-/, "");
  return COLUMNS.includes(by as Column)
    ? { by: by as Column, isDown: (text ?? "").startsWith("-") }
    : { by: "age", isDown: false };
}

export const writeOrder = ({ by, isDown }: Order) => (isDown ? `-${by}` : by);

type Value = number | string;
const VALUES: Record<Column, (workflow: Workflow, now: number) => Value> = {
  name: ({ metadata }) => metadata.name,
  phase: ({ status }) => status?.phase || "Pending",
  // ages: the youngest is the least
  age: ({ metadata }) => -(at(metadata.creationTimestamp) || 0),
  duration: ({ status }, now) => (at(status?.finishedAt) || now) - (at(status?.startedAt) || now),
  progress: ({ status }) => share(status?.progress),
};

function share(progress: string | undefined): number {
  const [done = 0, all = 0] = (progress ?? "").split("/").map(Number);
  return all > 0 ? done / all : 0;
}

export function sorted(workflows: readonly Workflow[], { by, isDown }: Order, now: number): Workflow[] {
  const sign = isDown ? -1 : 1;
  const keyed = workflows.map((workflow) => ({ workflow, value: VALUES[by](workflow, now) }));
  keyed.sort((a, b) => sign * compare(a.value, b.value) || compare(a.workflow.metadata.name, b.workflow.metadata.name));
  return keyed.map(({ workflow }) => workflow);
}

function compare(a: Value, b: Value): number {
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : Number(a > b);
  return Number(a) - Number(b);
}
