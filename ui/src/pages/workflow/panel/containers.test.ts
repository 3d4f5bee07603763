import { expect, test } from "vitest";
import type { Workflow } from "../../../api/types";
import { containersOf, findTemplate } from "./containers";

const workflow = (spec: Workflow["spec"], status: Workflow["status"] = {}): Workflow => ({
  metadata: { name: "wf" },
  spec,
  status,
});
const pod = { id: "a", name: "a", type: "Pod" };

test("a pod has its main container, its sidecars and what runs before", () => {
  const template = {
    name: "t",
    script: { image: "python" },
    sidecars: [{ name: "db", image: "pg" }],
    initContainers: [{ name: "load", image: "curl" }],
  };
  const found = findTemplate(workflow({ templates: [template] }), { ...pod, templateName: "t" });
  expect(containersOf(found).map(({ name, image, role }) => `${name} ${image} ${role}`)).toEqual([
    "main python main",
    "db pg sidecar",
    "load curl init",
  ]);
});

test("a set of containers has no main one of its own", () => {
  expect(
    containersOf({ containerSet: { containers: [{ name: "a" }, { name: "b" }] } }).map(({ name }) => name),
  ).toEqual(["a", "b"]);
});

test("a template of another object is found among the stored ones", () => {
  const stored = { "namespaced/other/t": { name: "t", container: { image: "there" } } };
  const node = { ...pod, templateRef: { name: "other", template: "t" } };
  expect(findTemplate(workflow({}, { storedTemplates: stored }), node)?.container?.image).toBe("there");
});
