import { expect, test } from "vitest";
import { daysOf, groupsOf, quantile, runsOf, ticks } from "./figures";

const TEMPLATE = "workflows.argoproj.io/workflow-template";
const made = (name: string, phase: string, day: number, seconds: number, template = "t") => ({
  metadata: { name, namespace: "ns", labels: { [TEMPLATE]: template } },
  spec: {},
  status: {
    phase: phase as "Failed",
    startedAt: new Date(2026, 0, day, 12, 0, 0).toISOString(),
    finishedAt: new Date(2026, 0, day, 12, 0, seconds).toISOString(),
  },
});
const ALL = [made("c", "Failed", 3, 9), made("a", "Succeeded", 1, 5), made("b", "Succeeded", 3, 7, "u")];

test("groups are told most often first", () => {
  expect(groupsOf(ALL)).toEqual([
    { key: `${TEMPLATE}=t`, title: "template t", count: 2 },
    { key: `${TEMPLATE}=u`, title: "template u", count: 1 },
  ]);
});

test("runs are those of a group that have ended, oldest first", () => {
  expect(runsOf(ALL, `${TEMPLATE}=t`).map(({ name, took }) => [name, took])).toEqual([
    ["a", 5000],
    ["c", 9000],
  ]);
  expect(
    runsOf(
      [{ metadata: { name: "x" }, spec: {}, status: { startedAt: "2026-01-01T00:00:00Z", finishedAt: null } }],
      "",
    ),
  ).toEqual([]);
});

test("days count good and bad ends", () => {
  expect(daysOf(runsOf(ALL, ""))).toEqual([
    { day: "2026-01-01", good: 1, bad: 0 },
    { day: "2026-01-03", good: 1, bad: 1 },
  ]);
});

test("quantiles and ticks of few and of many", () => {
  expect(quantile([], 0.5)).toBe(0);
  expect(quantile([3, 1, 2], 0.5)).toBe(2);
  expect(quantile([3, 1, 2], 0.95)).toBe(3);
  expect(ticks(0)).toEqual([0, 1000]);
  expect(ticks(9000)).toEqual([0, 5000, 10_000]);
  expect(ticks(86_400_000 * 40).at(-1)).toBe(86_400_000 * 40);
});
