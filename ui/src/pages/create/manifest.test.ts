import { expect, test } from "vitest";
import { parse } from "yaml";
import { CLUSTER_TEMPLATES, CRONS, TEMPLATES } from "../../api/kept";
import { again, from, manifestOf, sample } from "./manifest";

const meta = { name: "a", namespace: "ns", uid: "1", resourceVersion: "2", labels: { l: "m" } };

test("a manifest has nothing that the cluster put there", () => {
  const text = manifestOf({ kind: "Workflow", metadata: meta, spec: { entrypoint: "x" }, status: {} });
  expect(parse(text)).toEqual({
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Workflow",
    metadata: { name: "a", namespace: "ns", labels: { l: "m" } },
    spec: { entrypoint: "x" },
  });
});

test("what is run again is neither stopped nor suspended", () => {
  expect(parse(again({ metadata: meta, spec: { entrypoint: "x", suspend: true, shutdown: "Stop" } }))).toMatchObject({
    metadata: { generateName: "a-", namespace: "ns" },
    spec: { entrypoint: "x" },
  });
});

test("a template is referred to, a schedule's workflow is copied", () => {
  const one = {
    metadata: meta,
    spec: { arguments: { parameters: [{ name: "p", value: "v" }] }, workflowSpec: { entrypoint: "y" } },
  };
  expect(parse(from(TEMPLATES, one, "ns")).spec).toEqual({
    workflowTemplateRef: { name: "a" },
    arguments: { parameters: [{ name: "p", value: "v" }] },
  });
  expect(parse(from(CLUSTER_TEMPLATES, one, "ns")).spec.workflowTemplateRef).toEqual({ name: "a", clusterScope: true });
  expect(parse(from(CRONS, one, "ns")).spec).toEqual({ entrypoint: "y" });
});

test("there is something to begin with for each kind", () => {
  for (const kind of ["Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow"] as const) {
    const { metadata, spec } = parse(sample(kind, "ns"));
    expect(metadata.namespace).toBe(kind === "ClusterWorkflowTemplate" ? undefined : "ns");
    expect((spec.workflowSpec ?? spec).templates).toHaveLength(1);
  }
});
