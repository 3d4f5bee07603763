import { expect, test } from "vitest";
import type { NodeStatus } from "../../api/types";
import { byUrgency, ownersOf, podName, reason } from "./nodes";

const node = (id: string, more: Partial<NodeStatus> = {}): NodeStatus => ({ id, name: id, type: "Pod", ...more });

test("a pod is named as the controller names it", () => {
  const work = node("wf-1", { name: "wf.a(0:x)", templateName: "work" });
  expect(podName({ name: "wf" }, work)).toBe("wf-work-3127774294");
  expect(podName({ name: "wf" }, node("wf", { templateName: "work" }))).toBe("wf");
  expect(podName({ name: "wf", annotations: { "workflows.argoproj.io/pod-name-format": "v1" } }, work)).toBe("wf-1");
  const long = podName({ name: "w".repeat(50) }, node("x", { name: "w.x", templateName: "t".repeat(240) }));
  expect(long).toBe(`${`${"w".repeat(50)}-${"t".repeat(240)}`.slice(0, 242)}-323431184`);
});

test("attempts are inside of their retry, items inside of their loop, others inside of their graph", () => {
  const owners = ownersOf({
    wf: node("wf", { type: "DAG", children: ["r", "g"] }),
    r: node("r", { type: "Retry", boundaryID: "wf", children: ["r(0)"] }),
    "r(0)": node("r(0)", { boundaryID: "wf", children: ["z"] }),
    g: node("g", { type: "TaskGroup", boundaryID: "wf", children: ["g(0:a)"] }),
    "g(0:a)": node("g(0:a)", { boundaryID: "wf" }),
    z: node("z", { boundaryID: "wf" }),
  });
  expect(Object.fromEntries(owners)).toEqual({ r: "wf", "r(0)": "r", g: "wf", "g(0:a)": "g", z: "wf" });
});

test("failures come before what runs, and what runs before what is done", () => {
  const sorted = [node("c", { phase: "Succeeded" }), node("b", { phase: "Running" }), node("a", { phase: "Error" })];
  expect(sorted.sort(byUrgency).map(({ id }) => id)).toEqual(["a", "b", "c"]);
});

test("why a node waits is said even where the engine says nothing", () => {
  expect(reason(node("a", { message: "ImagePullBackOff" }))).toBe("ImagePullBackOff");
  expect(reason(node("a", { phase: "Pending", synchronizationStatus: { waiting: "ns/ConfigMap/x" } }))).toContain(
    "ns/ConfigMap/x",
  );
  expect(reason(node("a", { type: "Suspend", phase: "Running" }))).toContain("resumes");
  expect(reason(node("a", { phase: "Succeeded" }))).toBe("");
});
