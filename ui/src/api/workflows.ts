/** Workflows as the server offers them: where they are, and what can be done to them. */
import { request } from "./request";
import type { Meta, Workflow } from "./types";

export const ACTIONS = ["suspend", "resume", "stop", "terminate", "retry", "resubmit"] as const;
export type Action = (typeof ACTIONS)[number];

const place = (namespace: string, name: string) => `api/v1/workflows/${namespace}/${encodeURIComponent(name)}`;

export function act(action: Action | "set", meta: Meta, body: object = {}): Promise<Workflow> {
  if (archiving(meta) === "Persisted" && (action === "retry" || action === "resubmit")) {
    const asked = { ...body, namespace: meta.namespace, uid: meta.uid };
    return request("PUT", `api/v1/archived-workflows/${meta.uid}/${action}`, { body: asked });
  }
  return request("PUT", `${place(meta.namespace ?? "", meta.name)}/${action}`, { body });
}

/** Deletes the object in the cluster and, when it was archived, the archive's row. */
export async function remove(workflow: { metadata: Meta }): Promise<void> {
  const { metadata } = workflow;
  const archived = archiving(metadata);
  if (archived !== "Persisted") await request("DELETE", place(metadata.namespace ?? "", metadata.name));
  if (archived === "Persisted" || archived === "Archived") {
    await request("DELETE", `api/v1/archived-workflows/${metadata.uid}`, { query: { namespace: metadata.namespace } });
  }
}

/** Pending, Archived (in both places) or Persisted (in the archive alone); empty when nothing is archived. */
export const archiving = (meta: Meta) => meta.labels?.["workflows.argoproj.io/workflow-archiving-status"] ?? "";

export const isEnded = (workflow: Workflow) => ["Succeeded", "Failed", "Error"].includes(workflow.status?.phase ?? "");

/** Whether an action makes sense for a workflow as it stands. */
export function allows(action: Action, workflow: Workflow): boolean {
  const ended = isEnded(workflow);
  switch (action) {
    case "suspend":
      return !ended && !workflow.spec?.suspend;
    case "resume":
      return !ended;
    case "stop":
    case "terminate":
      return !ended && workflow.spec?.shutdown !== "Terminate";
    case "retry":
      return ["Failed", "Error"].includes(workflow.status?.phase ?? "");
    case "resubmit":
      return ended;
  }
}
