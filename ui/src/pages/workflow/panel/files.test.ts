import { expect, test } from "vitest";
import { fileName, kindOf, pathOf, placeOf } from "./files";

const workflow = (labels = {}) => ({ metadata: { name: "wf", namespace: "ns", uid: "u-1", labels }, spec: {} });

test("artifacts of an archived workflow are asked for by its uid", () => {
  expect(pathOf(workflow(), "wf-1", "outputs", "a b")).toBe("artifact-files/ns/workflows/wf/wf-1/outputs/a%20b");
  const archived = workflow({ "workflows.argoproj.io/workflow-archiving-status": "Persisted" });
  expect(pathOf(archived, "wf-1", "inputs", "a")).toBe("artifact-files/ns/archived-workflows/u-1/wf-1/inputs/a");
});

test("what is shown goes by the type, then by the name", () => {
  expect(kindOf("image/png", "x")).toBe("image");
  expect(kindOf("application/octet-stream", "a.log")).toBe("text");
  expect(kindOf("application/gzip", "a.tgz")).toBe("other");
});

test("an artifact says where it is", () => {
  const artifact = { name: "x", s3: { key: "a/b/c.tgz" } };
  expect(placeOf(artifact)).toBe("s3 a/b/c.tgz");
  expect(fileName(artifact)).toBe("c.tgz");
  expect(fileName({ name: "x" })).toBe("x");
});
