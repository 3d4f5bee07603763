import { expect, test } from "vitest";
import type { NodeStatus } from "../../api/types";
import { rows } from "./rows";

const node = (id: string, type: string, more: Partial<NodeStatus> = {}): NodeStatus => ({
  id,
  name: id,
  type,
  ...more,
});
const nodes = {
  wf: node("wf", "Steps", { children: ["g"] }),
  g: node("g", "StepGroup", { boundaryID: "wf", children: ["a", "b"] }),
  a: node("a", "Pod", { boundaryID: "wf", startedAt: "2026-01-01T00:00:01Z", phase: "Succeeded" }),
  b: node("b", "Pod", { boundaryID: "wf", startedAt: "2026-01-01T00:00:02Z", phase: "Failed" }),
  exit: node("exit", "Pod", { startedAt: "2026-01-01T00:00:03Z" }),
};
const shown = (toggled: string[] = [], isFailedFirst = false) =>
  rows(nodes, new Set(toggled), isFailedFirst).map(({ node: { id }, depth }) => `${"-".repeat(depth)}${id}`);

test("steps hang below their workflow, without the groups between", () => {
  expect(shown()).toEqual(["wf", "-a", "-b", "exit"]);
});

test("failures come first where that is asked for", () => {
  expect(shown([], true).indexOf("-b")).toBeLessThan(shown([], true).indexOf("-a"));
});

test("what was closed shows nothing below", () => {
  expect(shown(["wf"])).toEqual(["wf", "exit"]);
});

test("a loop of hundreds is closed until it is opened", () => {
  const items = Array.from({ length: 300 }, (_, index) => node(`i${index}`, "Pod", { boundaryID: "wf" }));
  const large = { wf: nodes.wf, ...Object.fromEntries(items.map((one) => [one.id, one])) };
  expect(rows(large, new Set(), false)).toHaveLength(1);
  expect(rows(large, new Set(["wf"]), false)).toHaveLength(301);
});
