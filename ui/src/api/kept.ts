/** Templates, cluster templates and schedules: objects that are kept and start workflows. */
import type { Kind } from "../editor/schema";
import { request } from "./request";
import type { List, Meta, Stored, Workflow, WorkflowSpec } from "./types";

export interface CronStatus {
  active?: { name?: string; namespace?: string }[];
  lastScheduledTime?: string | null;
  phase?: string;
  succeeded?: number;
  failed?: number;
  conditions?: { type: string; status?: string; message?: string }[];
}

export interface Kept extends Stored {
  spec: WorkflowSpec & {
    schedules?: string[];
    schedule?: string;
    timezone?: string;
    concurrencyPolicy?: string;
    workflowSpec?: WorkflowSpec;
  };
  status?: CronStatus;
}

export interface KeptKind {
  kind: Exclude<Kind, "Workflow">;
  /** Of the page's own addresses, and of the server's. */
  place: string;
  path: string;
  /** Under which an object is sent. */
  key: "template" | "cronWorkflow";
  one: string;
  many: string;
  namespaced: boolean;
  /** The label of the workflows that it starts. */
  label: string;
}

export const TEMPLATES: KeptKind = {
  kind: "WorkflowTemplate", place: "templates", path: "workflow-templates", key: "template",
  one: "template", many: "Templates", namespaced: true, label: "workflows.argoproj.io/workflow-template",
}; // biome-ignore format: a table
export const CLUSTER_TEMPLATES: KeptKind = {
  kind: "ClusterWorkflowTemplate",
  place: "cluster-templates",
  path: "cluster-workflow-templates",
  key: "template",
  one: "cluster template",
  many: "Cluster templates",
  namespaced: false,
  label: "workflows.argoproj.io/cluster-workflow-template",
};
export const CRONS: KeptKind = {
  kind: "CronWorkflow",
  place: "cron",
  path: "cron-workflows",
  key: "cronWorkflow",
  one: "schedule",
  many: "Cron",
  namespaced: true,
  label: "workflows.argoproj.io/cron-workflow",
};
export const KEPT = [TEMPLATES, CLUSTER_TEMPLATES, CRONS];

/** What its workflows run. */
export const specOf = (one: Kept): WorkflowSpec => one.spec.workflowSpec ?? one.spec;

export const schedulesOf = (one: Kept): string[] =>
  one.spec.schedules ?? (one.spec.schedule ? [one.spec.schedule] : []);

function at(kind: KeptKind, namespace: string, name = ""): string {
  const parts = ["api/v1", kind.path, kind.namespaced ? namespace : "", encodeURIComponent(name)];
  // a list of all namespaces has an empty one in its path
  return name || !kind.namespaced ? parts.filter((one) => one !== "").join("/") : `api/v1/${kind.path}/${namespace}`;
}

export const list = (kind: KeptKind, namespace: string, query: { labels: string; name: string }, signal: AbortSignal) =>
  request<List<Kept>>("GET", at(kind, namespace), {
    query: { "listOptions.labelSelector": query.labels, namePattern: query.name },
    signal,
  });

export const read = (kind: KeptKind, namespace: string, name: string, signal?: AbortSignal) =>
  request<Kept>("GET", at(kind, namespace, name), signal ? { signal } : {});

export const create = (kind: KeptKind, namespace: string, manifest: unknown) =>
  request<Kept>("POST", at(kind, namespace), { body: { namespace, [kind.key]: manifest } });

export const replace = (kind: KeptKind, { namespace = "", name }: Meta, manifest: unknown) =>
  request<Kept>("PUT", at(kind, namespace, name), { body: { namespace, name, [kind.key]: manifest } });

export const remove = (kind: KeptKind, { namespace = "", name }: Meta) =>
  request<object>("DELETE", at(kind, namespace, name));

export const setSuspended = ({ namespace = "", name }: Meta, suspended: boolean) =>
  request<Kept>("PUT", `${at(CRONS, namespace, name)}/${suspended ? "suspend" : "resume"}`, {
    body: { namespace, name },
  });

export interface Submission {
  entryPoint?: string;
  parameters?: string[];
  labels?: string;
  generateName?: string;
}

/** Start a workflow from it. */
export const submit = (kind: KeptKind, namespace: string, name: string, submitOptions: Submission) =>
  request<Workflow>("POST", `api/v1/workflows/${namespace}/submit`, {
    body: { namespace, resourceKind: kind.kind, resourceName: name, submitOptions },
  });

export const createWorkflow = (namespace: string, workflow: unknown) =>
  request<Workflow>("POST", `api/v1/workflows/${namespace}`, { body: { namespace, workflow } });

/** When schedules start next. */
export function upcoming(schedules: string[], timezone: string, count: number, signal: AbortSignal): Promise<string[]> {
  const query = new URLSearchParams({ timezone, after: new Date().toISOString(), count: String(count) });
  for (const one of schedules) query.append("schedule", one);
  return request<{ items: string[] }>("GET", `schedules/next?${query}`, { signal }).then((found) => found.items);
}
