/** When each node ran. Pure. */
import type { NodeStatus } from "../../api/types";
import { at } from "../../parts/time";
import { byStart, isLeaf, type Nodes } from "./nodes";

export interface Bar {
  node: NodeStatus;
  /** Parts of the whole, from 0 to 1. */
  from: number;
  to: number;
}

export interface Timeline {
  start: number;
  end: number;
  bars: Bar[];
}

export function timeline(nodes: Nodes, now: number): Timeline {
  const ran = Object.values(nodes).filter((node) => isLeaf(node) && node.startedAt && node.type !== "Skipped");
  ran.sort(byStart);
  const start = Math.min(...ran.map(({ startedAt }) => at(startedAt)), now);
  const end = Math.max(...ran.map(({ finishedAt }) => at(finishedAt) || now), start + 1000);
  const share = (time: number) => (time - start) / (end - start);
  const bars = ran.map((node) => ({ node, from: share(at(node.startedAt)), to: share(at(node.finishedAt) || now) }));
  return { start, end, bars };
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400, 604_800];

/** Milliseconds from the start at which a line is drawn; at most `most` of them. */
export function ticks(length: number, most: number): number[] {
  const step = 1000 * (STEPS.find((one) => length / (one * 1000) <= most) ?? Math.ceil(length / most / 1000));
  return Array.from({ length: Math.floor(length / step) + 1 }, (_, index) => index * step);
}
