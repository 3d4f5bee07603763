/** The nodes as a tree: what is inside of what. Pure. */
import type { NodeStatus } from "../../api/types";
import { byStart, byUrgency, type Nodes, ownersOf } from "./nodes";

export interface Row {
  node: NodeStatus;
  depth: number;
  /** How many rows hang directly below it. */
  inside: number;
  isOpen: boolean;
}

/** More than so many below one node stay closed until somebody opens them. */
const MANY = 100;

export function rows(nodes: Nodes, toggled: ReadonlySet<string>, isFailedFirst: boolean): Row[] {
  const owners = ownersOf(nodes);
  const inside = new Map<string, NodeStatus[]>();
  for (const node of Object.values(nodes)) {
    // a group of steps says nothing that its steps do not say
    if (node.type === "StepGroup") continue;
    const owner = owners.get(node.id) ?? "";
    const found = inside.get(owner);
    if (found) found.push(node);
    else inside.set(owner, [node]);
  }
  const made: Row[] = [];
  const add = (owner: string, depth: number) => {
    const found = inside.get(owner) ?? [];
    found.sort(isFailedFirst ? byUrgency : byStart);
    for (const node of found) {
      const count = inside.get(node.id)?.length ?? 0;
      const isOpen = count > 0 && count <= MANY !== toggled.has(node.id);
      made.push({ node, depth, inside: count, isOpen });
      if (isOpen) add(node.id, depth + 1);
    }
  };
  add("", 0);
  return made;
}
