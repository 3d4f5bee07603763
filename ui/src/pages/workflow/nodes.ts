/** The nodes of a workflow and how they hang together. Pure: tested beside this file. */
import type { Meta, NodeStatus, Phase, Workflow } from "../../api/types";

export type Nodes = Readonly<Record<string, NodeStatus>>;

export const nodesOf = (workflow: Workflow): Nodes => workflow.status?.nodes ?? {};
export const isBad = (phase: string | undefined) => phase === "Failed" || phase === "Error";
export const isLeaf = ({ type }: NodeStatus) =>
  ["Pod", "Container", "Suspend", "HTTP", "Plugin", "Skipped"].includes(type);
export const hasPod = ({ type }: NodeStatus) => type === "Pod";
export const templateOf = (node: NodeStatus) => node.templateRef?.template ?? node.templateName ?? "";
export const labelOf = (node: NodeStatus) => node.displayName || node.name;

/** What a node waits for or failed by, in the engine's words. */
export function reason(node: NodeStatus): string {
  if (node.message) return node.message;
  if (node.synchronizationStatus?.waiting) return `Waiting for the lock ${node.synchronizationStatus.waiting}`;
  if (node.type === "Suspend" && node.phase === "Running") return "Suspended until somebody resumes it";
  if (node.phase === "Pending") return "Its pod has not begun yet";
  return "";
}

/** Failed first, then what runs, then what waits, then the rest; in each by start. */
const RANK: Record<string, number> = { Failed: 0, Error: 0, Running: 1, Pending: 2 };
export const urgency = (phase: Phase | undefined) => RANK[phase ?? ""] ?? 3;

/** What was used of each resource. */
export function resources(used: Record<string, number> | undefined): string {
  return Object.entries(used ?? {})
    .map(([name, seconds]) => `${name} ${seconds}s`)
    .join(", ");
}

export function byUrgency(a: NodeStatus, b: NodeStatus): number {
  return urgency(a.phase) - urgency(b.phase) || byStart(a, b);
}

// made once: a comparison that makes its own takes longer than all else that is drawn
const BY_NAME = new Intl.Collator("en", { numeric: true });

export function byStart(a: NodeStatus, b: NodeStatus): number {
  const [x, y] = [a.startedAt ?? "", b.startedAt ?? ""];
  if (x !== y) return x < y ? -1 : 1;
  return BY_NAME.compare(labelOf(a), labelOf(b));
}

/** Each node's first parent: the one that it hangs below in a tree. */
export function parentsOf(nodes: Nodes): Map<string, string> {
  const parents = new Map<string, string>();
  for (const node of Object.values(nodes)) {
    for (const child of node.children ?? []) if (!parents.has(child)) parents.set(child, node.id);
  }
  return parents;
}

/**
 * What a node is inside of: the loop or retry that made it, else the steps or graph that it is a part of.
 * Nodes that are inside of nothing (the root, exit handlers) are not in the answer.
 */
export function ownersOf(nodes: Nodes): Map<string, string> {
  const parents = parentsOf(nodes);
  const owners = new Map<string, string>();
  for (const node of Object.values(nodes)) {
    const parent = nodes[parents.get(node.id) ?? ""];
    const made = parent && (parent.type === "Retry" || parent.type === "TaskGroup") && isMadeBy(node, parent);
    const owner = made ? parent.id : node.boundaryID;
    if (owner && owner !== node.id && nodes[owner]) owners.set(node.id, owner);
  }
  return owners;
}

const isMadeBy = (node: NodeStatus, parent: NodeStatus) => node.name.startsWith(`${parent.name}(`);

const LONGEST_PREFIX = 253 - 11;

/** The name of the pod of a node, as the controller names it: argo-semantics, "Names". */
export function podName({ name, annotations }: Meta, node: NodeStatus): string {
  if (annotations?.["workflows.argoproj.io/pod-name-format"] === "v1" || node.name === name) return node.id;
  const prefix = templateOf(node) ? `${name}-${templateOf(node)}` : name;
  return `${prefix.slice(0, LONGEST_PREFIX)}-${fnv1a(node.name)}`;
}

/** FNV-1a, 32 bits, of the text in UTF-8. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}
