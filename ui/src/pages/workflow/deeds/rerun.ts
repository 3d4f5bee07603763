/** What runs again when a workflow is retried: what failed, and what comes after it. Pure. */
import type { NodeStatus } from "../../../api/types";
import { byStart, isBad, isLeaf, type Nodes } from "../nodes";

export interface Rerun {
  /** Failed, or chosen although they went well. */
  again: NodeStatus[];
  /** Behind those: run for the first time, or anew. */
  after: NodeStatus[];
  /** Ended well, and not touched. */
  kept: number;
}

/** `from` is a node that is run again although it went well. */
export function rerun(nodes: Nodes, from?: string): Rerun {
  const all = Object.values(nodes);
  const start = nodes[from ?? ""];
  const chosen = start ? inside(nodes, start).filter(isLeaf) : [];
  const again = new Set([...all.filter((node) => isLeaf(node) && isBad(node.phase)), ...chosen]);
  const after = new Set<NodeStatus>();
  const next = [...again, ...(start ? [start] : [])].flatMap(({ children = [] }) => children);
  const seen = new Set<string>();
  for (let id = next.pop(); id !== undefined; id = next.pop()) {
    const node = nodes[id];
    if (!node || seen.has(id)) continue;
    seen.add(id);
    if (isLeaf(node) && !again.has(node)) after.add(node);
    next.push(...(node.children ?? []));
  }
  const kept = all.filter(
    (node) => isLeaf(node) && node.phase === "Succeeded" && !again.has(node) && !after.has(node),
  ).length;
  return { again: [...again].sort(byStart), after: [...after].sort(byStart), kept };
}

/** A node and all that it holds. */
function inside(nodes: Nodes, start: NodeStatus): NodeStatus[] {
  const held = new Set([start.id]);
  let before = 0;
  while (held.size > before) {
    before = held.size;
    for (const { id, boundaryID = "" } of Object.values(nodes)) if (held.has(boundaryID)) held.add(id);
  }
  return [...held].map((id) => nodes[id]).filter((node) => node !== undefined);
}
