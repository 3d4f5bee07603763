/** The containers of a node's pod, by its template. Pure. */
import type { NodeStatus, Template, Workflow } from "../../../api/types";
import { templateOf } from "../nodes";

export interface ContainerRow {
  name: string;
  image: string;
  role: "main" | "init" | "sidecar" | "set";
}

/** The template that a node was made of, wherever the workflow keeps it. */
export function findTemplate(workflow: Workflow, node: NodeStatus): Template | undefined {
  const { spec, status } = workflow;
  const name = templateOf(node);
  const own = [...(spec.templates ?? []), ...(status?.storedWorkflowTemplateSpec?.templates ?? [])];
  const stored = Object.entries(status?.storedTemplates ?? {});
  if (node.templateRef) {
    const { name: from = "", template = "" } = node.templateRef;
    return stored.find(([key]) => key.endsWith(`/${from}/${template}`))?.[1];
  }
  const scope = node.templateScope?.split("/").at(-1);
  const scoped = scope ? stored.find(([key]) => key.endsWith(`/${scope}/${name}`))?.[1] : undefined;
  return scoped ?? own.find((one) => one.name === name) ?? stored.find(([key]) => key.endsWith(`/${name}`))?.[1];
}

export function containersOf(template: Template | undefined): ContainerRow[] {
  if (!template) return [];
  const { containerSet, container, script, initContainers = [], sidecars = [] } = template;
  const named = (list: { name: string; image?: string }[], role: ContainerRow["role"]) =>
    list.map(({ name, image = "" }): ContainerRow => ({ name, image, role }));
  const main: ContainerRow = { name: "main", image: container?.image ?? script?.image ?? "", role: "main" };
  const own = containerSet ? named(containerSet.containers ?? [], "set") : [main];
  return [...own, ...named(sidecars, "sidecar"), ...named(initContainers, "init")];
}
