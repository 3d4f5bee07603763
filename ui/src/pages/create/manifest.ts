/** Manifests as users write them: without what the cluster puts there. */
import { stringify } from "yaml";
import type { Kept, KeptKind } from "../../api/kept";
import { CLUSTER_TEMPLATES, CRONS } from "../../api/kept";
import type { Meta, Stored, Workflow, WorkflowSpec } from "../../api/types";
import type { Kind } from "../../editor/schema";

type Any = Stored & { spec: object; status?: unknown };

const OWN = ["name", "generateName", "namespace", "labels", "annotations"] as const;

function metaOf(meta: Meta): Partial<Meta> {
  return Object.fromEntries(OWN.flatMap((name) => (meta[name] === undefined ? [] : [[name, meta[name]]])));
}

const written = (value: object) => stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });

/** An object as text. */
export function manifestOf(one: Any): string {
  return written({
    apiVersion: "argoproj.io/v1alpha1",
    kind: one.kind,
    metadata: metaOf(one.metadata),
    spec: one.spec,
  });
}

function workflow(name: string, namespace: string, spec: WorkflowSpec): string {
  const kept = Object.fromEntries(
    Object.entries(spec).filter(([field]) => field !== "suspend" && field !== "shutdown"),
  );
  const meta = { generateName: `${name.replace(/-$/, "").slice(0, 200)}-`, ...(namespace ? { namespace } : {}) };
  return written({ apiVersion: "argoproj.io/v1alpha1", kind: "Workflow", metadata: meta, spec: kept });
}

/** A new workflow that does what another did. */
export const again = (one: Workflow) => workflow(one.metadata.name, one.metadata.namespace ?? "", one.spec);

/** A new workflow from a template or a schedule. */
export function from(kind: KeptKind, one: Kept, namespace: string): string {
  if (kind === CRONS) return workflow(one.metadata.name, namespace, one.spec.workflowSpec ?? {});
  const scope = kind === CLUSTER_TEMPLATES ? { clusterScope: true } : {};
  const parameters = (one.spec.arguments?.parameters ?? []).map(({ name, value, default: otherwise }) => ({
    name,
    value: value ?? otherwise ?? "",
  }));
  const spec = {
    workflowTemplateRef: { name: one.metadata.name, ...scope },
    ...(parameters.length > 0 ? { arguments: { parameters } } : {}),
  };
  return workflow(one.metadata.name, namespace, spec);
}

const RUN = `entrypoint: main
templates:
- name: main
  container:
    image: busybox
    command: [echo]
    args: [hello]`;

const indented = (text: string, by: number) => text.replaceAll(/^/gm, " ".repeat(by));

/** Something to begin with. */
export function sample(kind: Kind, namespace: string): string {
  const place = namespace && kind !== "ClusterWorkflowTemplate" ? `\n  namespace: ${namespace}` : "";
  const name = kind === "Workflow" ? "generateName: hello-" : "name: hello";
  const head = `apiVersion: argoproj.io/v1alpha1\nkind: ${kind}\nmetadata:\n  ${name}${place}\nspec:\n`;
  if (kind !== "CronWorkflow") return `${head}${indented(RUN, 2)}\n`;
  return `${head}  schedules:\n  - "0 6 * * *"\n  timezone: Europe/Berlin\n  concurrencyPolicy: Forbid\n  workflowSpec:\n${indented(RUN, 4)}\n`;
}
