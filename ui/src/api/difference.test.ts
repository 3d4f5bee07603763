import { describe, expect, it } from "vitest";
import { difference, type Plain, patched } from "./difference";

const workflow = (nodes: Plain, more: Plain = {}) => ({ spec: { entrypoint: "main" }, status: { nodes, ...more } });
const a = { id: "a", phase: "Running", children: ["b"] };
const b = { id: "b", phase: "Pending", outputs: { parameters: [{ name: "x" }] } };

describe("a difference", () => {
  it("has what changed, and nothing else", () => {
    const after = workflow({ a, b: { ...b, phase: "Running" } }, { progress: "1/2" });
    expect(difference(workflow({ a, b }), after, 3)).toEqual({
      set: {},
      unset: [],
      inside: {
        status: {
          set: { progress: "1/2" },
          unset: [],
          inside: { nodes: { set: { b: { ...b, phase: "Running" } }, unset: [], inside: {} } },
        },
      },
    });
  });

  it("is none between objects that are alike", () => {
    expect(difference(workflow({ a, b }), structuredClone(workflow({ a, b })), 3)).toBeUndefined();
  });

  it.each([
    ["a node that came", { a }, { a, b }],
    ["a node that went", { a, b }, { b }],
    ["a value that became a list", { a: { x: {} } }, { a: { x: [] } }],
    ["a list that became another", { a: { x: [1, 2] } }, { a: { x: [1, 3] } }],
    ["a field without a value", { a: { x: 1 } }, { a: { y: 1 } }],
    ["a field that became null", { a: { x: {} } }, { a: { x: null } }],
  ])("brings the one to the other: %s", (_, before: Plain, after: Plain) => {
    for (const levels of [1, 2, 3, 5]) {
      const found = difference(workflow(before), workflow(after), levels);
      expect(found && patched(workflow(before), found)).toEqual(workflow(after));
    }
  });

  it("leaves what is the same as the same object", () => {
    const before = workflow({ a, b });
    const found = difference(before, structuredClone(workflow({ a, b: { ...b, phase: "Running" } })), 3);
    const after = found && patched(before, found);
    expect(after?.spec).toBe(before.spec);
    expect(after?.status.nodes.a).toBe(a);
    expect(after?.status.nodes.b).not.toBe(b);
  });
});
