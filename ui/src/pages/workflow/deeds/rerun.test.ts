import { expect, test } from "vitest";
import type { NodeStatus, Phase } from "../../../api/types";
import { rerun } from "./rerun";

const pod = (id: string, phase: Phase, children: string[] = []): NodeStatus => ({
  id,
  name: id,
  type: "Pod",
  phase,
  children,
  boundaryID: "wf",
});
const nodes = {
  wf: { id: "wf", name: "wf", type: "DAG", phase: "Failed" as Phase, children: ["a", "x"] },
  a: pod("a", "Succeeded", ["b"]),
  b: pod("b", "Failed", ["c"]),
  c: pod("c", "Omitted"),
  x: pod("x", "Succeeded", ["y"]),
  y: pod("y", "Succeeded"),
};
const names = (from?: string) => {
  const { again, after, kept } = rerun(nodes, from);
  return [again.map(({ id }) => id).join(), after.map(({ id }) => id).join(), kept];
};

test("what failed runs again, then what waited for it; what went well is kept", () => {
  expect(names()).toEqual(["b", "c", 3]);
});

test("a node that went well takes what comes after it along", () => {
  expect(names("x")).toEqual(["b,x", "c,y", 1]);
});

test("a whole graph is run again by what it holds", () => {
  expect(names("wf")).toEqual(["a,b,c,x,y", "", 0]);
});
