import { expect, test } from "vitest";
import type { NodeStatus } from "../../api/types";
import { ticks, timeline } from "./timeline";

const pod = (id: string, startedAt: string, finishedAt?: string): NodeStatus => ({
  id,
  name: id,
  type: "Pod",
  startedAt: `1970-01-01T00:00:${startedAt}Z`,
  finishedAt: finishedAt ? `1970-01-01T00:00:${finishedAt}Z` : null,
});

test("bars are shares of the whole time, and what runs ends now", () => {
  const { bars, start, end } = timeline({ b: pod("b", "30"), a: pod("a", "10", "20") }, 50_000);
  expect([start, end]).toEqual([10_000, 50_000]);
  expect(bars.map(({ node, from, to }) => [node.id, from, to])).toEqual([
    ["a", 0, 0.25],
    ["b", 0.5, 1],
  ]);
});

test("a workflow without pods has a line without bars", () => {
  expect(timeline({}, 5000)).toEqual({ start: 5000, end: 6000, bars: [] });
});

test("there are never more lines than fit", () => {
  expect(ticks(10_000, 5)).toEqual([0, 2000, 4000, 6000, 8000, 10_000]);
  expect(ticks(86_400_000 * 365, 8).length).toBeLessThanOrEqual(9);
});
