import { expect, test } from "vitest";
import type { NodeStatus, Phase } from "../../../api/types";
import type { Nodes } from "../nodes";
import { draw, failures, NOTHING_OPENED, opening, READABLE, worst } from "./model";

const node = (id: string, type: string, more: Partial<NodeStatus> = {}): NodeStatus => ({
  id,
  name: id,
  displayName: id,
  type,
  phase: "Succeeded",
  ...more,
});
const all = (...nodes: NodeStatus[]): Nodes => Object.fromEntries(nodes.map((one) => [one.id, one]));

function loop(count: number, phase: (index: number) => Phase = () => "Succeeded"): Nodes {
  const items = Array.from({ length: count }, (_, index) =>
    node(`wf.each(${index}:x)`, "Pod", { boundaryID: "wf", phase: phase(index), children: ["wf.after"] }),
  );
  return all(
    node("wf", "DAG", { children: ["wf.each"] }),
    node("wf.each", "TaskGroup", { boundaryID: "wf", children: items.map(({ id }) => id) }),
    ...items,
    node("wf.after", "Pod", { boundaryID: "wf" }),
  );
}

const ids = (nodes: Nodes, opened = NOTHING_OPENED) => draw(nodes, opened).vertices.map(({ id }) => id);

test("a small graph is drawn as it is", () => {
  const nodes = loop(3);
  expect(ids(nodes).sort()).toEqual(Object.keys(nodes).sort());
  expect(draw(nodes, NOTHING_OPENED).edges).toHaveLength(1 + 3 + 3);
});

test("a long loop is one group that says what failed, before and after it what was", () => {
  const { vertices, edges } = draw(
    loop(1000, (index) => (index === 7 ? "Failed" : "Succeeded")),
    NOTHING_OPENED,
  );
  expect(vertices).toHaveLength(4);
  const group = vertices.find(({ kind }) => kind === "group");
  expect(group).toMatchObject({ label: "wf.each", total: 1000, phase: "Failed" });
  expect(failures(group?.counts ?? {})).toBe(1);
  expect(edges).toContainEqual([group?.id, "wf.after"]);
});

test("an opened group shows its failures first and the rest still as a group", () => {
  const nodes = loop(200, (index) => (index === 150 ? "Failed" : "Succeeded"));
  const group = draw(nodes, NOTHING_OPENED).vertices.find(({ kind }) => kind === "group");
  if (!group) throw new Error("there is no group");
  const { vertices, edges } = draw(nodes, opening(NOTHING_OPENED, group));
  const shown = edges.filter(([from]) => from === "wf.each").map(([, to]) => to);
  expect(shown[0]).toBe("wf.each(150:x)");
  expect(shown.at(-1)).toBe(group.id);
  expect(vertices.find(({ kind }) => kind === "group")?.total).toBe(150);
});

test("a closed graph stands for all inside of it, at every depth", () => {
  const nodes = all(
    node("wf", "Steps", { children: ["a"] }),
    node("a", "DAG", { boundaryID: "wf", children: ["a.x"] }),
    node("a.x", "Steps", { boundaryID: "a", children: ["a.x.y"] }),
    node("a.x.y", "Pod", { boundaryID: "a.x", phase: "Error", children: ["b"] }),
    node("b", "Pod", { boundaryID: "wf" }),
  );
  const { vertices, edges } = draw(nodes, { boundaries: { a: false }, groups: {} });
  expect(vertices.map(({ id }) => id).sort()).toEqual(["a", "b", "wf"]);
  expect(vertices.find(({ id }) => id === "a")).toMatchObject({ kind: "closed", total: 2 });
  expect(edges).toEqual([
    ["wf", "a"],
    ["a", "b"],
  ]);
});

test("five thousand nodes of a flat graph are a readable picture", () => {
  const nodes = [node("wf", "DAG", { children: ["0-0"] })];
  for (let layer = 0; layer < 50; layer += 1) {
    for (let index = 0; index < 100; index += 1) {
      const children = layer < 49 ? [`${layer + 1}-${index}`, `${layer + 1}-${(index * 7) % 100}`] : [];
      nodes.push(node(`${layer}-${index}`, "Pod", { boundaryID: "wf", templateName: "work", children }));
    }
  }
  const root = nodes[0] as NodeStatus;
  root.children = Array.from({ length: 100 }, (_, index) => `0-${index}`);
  expect(ids(all(...nodes)).length).toBeLessThan(READABLE);
});

test("of many phases the one to look at is shown", () => {
  expect(worst({ Succeeded: 9, Running: 1 })).toBe("Running");
  expect(worst({ Succeeded: 9, Running: 1, Error: 1 })).toBe("Error");
});
