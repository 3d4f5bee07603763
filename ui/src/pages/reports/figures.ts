/** What workflows took and how they ended, in numbers. */
import type { Phase, Workflow } from "../../api/types";

export interface Run {
  name: string;
  namespace: string;
  phase: Phase;
  /** Milliseconds since 1970. */
  end: number;
  /** Milliseconds. */
  took: number;
}

export interface Group {
  key: string;
  title: string;
  count: number;
}

const LABELS: Record<string, string> = {
  "workflows.argoproj.io/workflow-template": "template",
  "workflows.argoproj.io/cluster-workflow-template": "cluster template",
  "workflows.argoproj.io/cron-workflow": "schedule",
};

const keysOf = ({ metadata }: Workflow): [string, string][] =>
  Object.entries(LABELS).flatMap(([label, word]) => {
    const name = metadata.labels?.[label];
    return name ? [[`${label}=${name}`, `${word} ${name}`] as [string, string]] : [];
  });

/** What started the workflows, most often first. */
export function groupsOf(workflows: readonly Workflow[]): Group[] {
  const found = new Map<string, Group>();
  for (const one of workflows) {
    for (const [key, title] of keysOf(one)) {
      const group = found.get(key) ?? { key, title, count: 0 };
      group.count += 1;
      found.set(key, group);
    }
  }
  return [...found.values()].sort((a, b) => b.count - a.count || a.title.localeCompare(b.title));
}

/** Those that have ended, of a group or all, oldest first. */
export function runsOf(workflows: readonly Workflow[], group: string): Run[] {
  return workflows
    .filter((one) => !group || keysOf(one).some(([key]) => key === group))
    .flatMap(({ metadata, status }) => {
      const end = Date.parse(status?.finishedAt ?? "");
      const start = Date.parse(status?.startedAt ?? "");
      if (Number.isNaN(end) || Number.isNaN(start)) return [];
      const { name, namespace = "" } = metadata;
      return [{ name, namespace, phase: status?.phase ?? "", end, took: Math.max(0, end - start) } as Run];
    })
    .sort((a, b) => a.end - b.end);
}

export const isBad = ({ phase }: Run) => phase === "Failed" || phase === "Error";

/** The value below which a share of all is. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

export interface Day {
  day: string;
  good: number;
  bad: number;
}

/** How many ended well and badly on each day there were any, oldest first; days are those of who looks. */
export function daysOf(runs: readonly Run[]): Day[] {
  const found = new Map<string, Day>();
  for (const run of runs) {
    const date = new Date(run.end);
    const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()]
      .map((part) => String(part).padStart(2, "0"))
      .join("-");
    const one = found.get(day) ?? { day, good: 0, bad: 0 };
    if (isBad(run)) one.bad += 1;
    else one.good += 1;
    found.set(day, one);
  }
  return [...found.values()];
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 43_200, 86_400].map(
  (one) => one * 1000,
);

/** Round lengths of time up to the first that is as long as the longest. */
export function ticks(longest: number): number[] {
  const step = STEPS.find((one) => one * 4 >= longest) ?? 86_400_000 * Math.ceil(longest / 4 / 86_400_000);
  return Array.from({ length: Math.max(1, Math.ceil(longest / step)) + 1 }, (_, i) => i * step);
}
