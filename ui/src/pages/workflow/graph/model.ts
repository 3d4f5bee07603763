/** What of the nodes is drawn: loops as one group, nested graphs closed, so that thousands of nodes stay a picture. Pure. */
import type { NodeStatus, Phase } from "../../../api/types";
import { byUrgency, isBad, labelOf, type Nodes, ownersOf, parentsOf, templateOf } from "../nodes";

/** What the reader opened or closed: a node that is a graph, or a group of siblings with how many of it are shown. */
export interface Opened {
  boundaries: Readonly<Record<string, boolean>>;
  groups: Readonly<Record<string, number>>;
}

export const NOTHING_OPENED: Opened = { boundaries: {}, groups: {} };

export interface Vertex {
  id: string;
  label: string;
  phase: Phase;
  kind: "node" | "closed" | "group";
  /** Of a node or a closed graph. */
  type?: string;
  message?: string;
  /** How many nodes it stands for, by phase. */
  counts: Readonly<Record<string, number>>;
  total: number;
  /** Of a group, the member that is shown first when it is opened. */
  first?: string | undefined;
  /** Whether it is an opened graph, that can be closed. */
  canClose: boolean;
}

export interface Drawing {
  vertices: Vertex[];
  edges: [string, string][];
}

/** So many alike siblings are one group. */
const LOOP = 8;
const ALIKE = 40;
/** More vertices than this are not read by anybody: nested graphs are closed, then alike nodes of a layer joined. */
export const READABLE = 600;
export const SHOWN_MORE = 50;

export function draw(nodes: Nodes, opened: Opened): Drawing {
  const parents = parentsOf(nodes);
  const owners = ownersOf(nodes);
  const closed = closedOf(nodes, owners, opened);
  const { groups, ranks } = groupsOf(nodes, parents, opened);
  const standIn = standIns(nodes, owners, closed, groups);
  return pictured(nodes, { owners, closed, groups, ranks, standIn });
}

/** Graphs inside graphs are closed in a large workflow, unless the reader said otherwise. */
function closedOf(nodes: Nodes, owners: Map<string, string>, { boundaries }: Opened): Set<string> {
  const isLarge = Object.keys(nodes).length > READABLE;
  const inner = new Set(owners.values());
  const closed = new Set<string>();
  for (const id of inner) {
    const isNested = owners.has(id);
    const isOpen = boundaries[id] ?? !(isLarge && isNested && nodes[id]?.type !== "TaskGroup");
    if (!isOpen) closed.add(id);
  }
  return closed;
}

interface Group {
  id: string;
  label: string;
  members: NodeStatus[];
}

/** Alike siblings that are shown as one, and the places of those of an opened group: failures first, the rest last. */
function groupsOf(nodes: Nodes, parents: Map<string, string>, { groups: shown }: Opened) {
  const alike = new Map<string, NodeStatus[]>();
  const all = Object.values(nodes);
  const depths = all.length > READABLE ? depthsOf(nodes, parents) : undefined;
  for (const node of all) {
    const parent = parents.get(node.id);
    if (!parent || node.type === "Retry" || node.type === "StepGroup" || node.type === "TaskGroup") continue;
    // in a large workflow whatever is alike in a layer is one, whoever its parent is
    const place = depths ? `${node.boundaryID}/${depths.get(node.id)}` : parent;
    const key = isItem(node) ? `${parent}/${base(node)}` : `${place}/${node.type}/${templateOf(node)}`;
    const found = alike.get(key);
    if (found) found.push(node);
    else alike.set(key, [node]);
  }
  const made = new Map<string, Group>();
  const ranks = new Map<string, number>();
  for (const [key, members] of alike) {
    const first = members[0];
    if (!first || members.length <= (isItem(first) ? LOOP : ALIKE)) continue;
    members.sort(byUrgency);
    const id = `group:${key}`;
    const rest = members.slice(shown[id] ?? 0);
    for (const [rank, member] of members.slice(0, shown[id] ?? 0).entries()) ranks.set(member.id, rank + 1);
    ranks.set(id, members.length + 1);
    const label = isItem(first) ? base(first) : templateOf(first) || first.type;
    if (rest.length > 0) for (const member of rest) made.set(member.id, { id, label, members: rest });
  }
  return { groups: made, ranks };
}

const isItem = (node: NodeStatus) => /\(\d+(:.*)?\)$/s.test(labelOf(node));
const base = (node: NodeStatus) => labelOf(node).replace(/\(\d+(:.*)?\)$/s, "");

/** The longest way from the root, by a walk that goes on where all parents were seen. */
function depthsOf(nodes: Nodes, parents: Map<string, string>): Map<string, number> {
  const waiting = new Map<string, number>();
  for (const node of Object.values(nodes)) {
    for (const child of node.children ?? []) waiting.set(child, (waiting.get(child) ?? 0) + 1);
  }
  const depths = new Map<string, number>();
  const ready = Object.keys(nodes).filter((id) => !parents.has(id));
  for (let id = ready.pop(); id !== undefined; id = ready.pop()) {
    const depth = depths.get(id) ?? 0;
    depths.set(id, depth);
    for (const child of nodes[id]?.children ?? []) {
      depths.set(child, Math.max(depths.get(child) ?? 0, depth + 1));
      const left = (waiting.get(child) ?? 1) - 1;
      waiting.set(child, left);
      if (left === 0) ready.push(child);
    }
  }
  return depths;
}

/** For each node the vertex that shows it: itself, or the outermost closed graph or group that it is inside of. */
function standIns(nodes: Nodes, owners: Map<string, string>, closed: Set<string>, groups: Map<string, Group>) {
  const found = new Map<string, string>();
  const of = (id: string, depth = 0): string => {
    const known = found.get(id);
    if (known !== undefined) return known;
    const owner = owners.get(id);
    let answer = groups.get(id)?.id ?? id;
    if (owner !== undefined && depth < 500) {
      const outer = of(owner, depth + 1);
      if (outer !== owner || closed.has(owner)) answer = outer;
    }
    found.set(id, answer);
    return answer;
  };
  for (const id of Object.keys(nodes)) of(id);
  return found;
}

interface Parts {
  owners: Map<string, string>;
  closed: Set<string>;
  groups: Map<string, Group>;
  ranks: Map<string, number>;
  standIn: Map<string, string>;
}

function pictured(nodes: Nodes, { owners, closed, groups, ranks, standIn }: Parts): Drawing {
  const members = new Map<string, NodeStatus[]>();
  for (const node of Object.values(nodes)) {
    const shown = standIn.get(node.id) ?? node.id;
    const found = members.get(shown);
    if (found) found.push(node);
    else members.set(shown, [node]);
  }
  const byGroup = new Map([...groups.values()].map((group) => [group.id, group]));
  const inner = new Set(owners.values());
  const vertices = [...members].map(([id, stoodFor]): Vertex => {
    const group = byGroup.get(id);
    const node = nodes[id];
    const counted = group ? group.members : stoodFor.filter((one) => one.id !== id);
    const counts = countOf(counted);
    const shared = { id, counts, total: counted.length };
    if (group) {
      const first = group.members[0]?.id;
      return { ...shared, label: group.label, phase: worst(counts), kind: "group", canClose: false, first };
    }
    const kind = closed.has(id) ? "closed" : "node";
    const canClose = kind === "node" && inner.has(id) && owners.has(id);
    return {
      ...shared,
      label: node ? labelOf(node) : id,
      phase: node?.phase ?? "",
      kind,
      canClose,
      ...(node && { type: node.type, ...(node.message && { message: node.message }) }),
    };
  });
  const edges = new Map<string, [string, string]>();
  for (const node of Object.values(nodes)) {
    const from = standIn.get(node.id) ?? node.id;
    for (const child of node.children ?? []) {
      const to = standIn.get(child);
      if (to !== undefined && to !== from) edges.set(`${from}\n${to}`, [from, to]);
    }
  }
  // the layout keeps an order that costs it nothing
  const rank = (id: string) => ranks.get(id) ?? 0;
  vertices.sort((a, b) => rank(a.id) - rank(b.id));
  return { vertices, edges: [...edges.values()].sort(([, a], [, b]) => rank(a) - rank(b)) };
}

function countOf(nodes: NodeStatus[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { phase } of nodes) counts[phase || "Pending"] = (counts[phase || "Pending"] ?? 0) + 1;
  return counts;
}

const ORDER: Phase[] = ["Failed", "Error", "Running", "Pending", "Succeeded", "Skipped", "Omitted"];

/** The phase that somebody should see of many. */
export const worst = (counts: Readonly<Record<string, number>>): Phase => ORDER.find((phase) => counts[phase]) ?? "";

export const failures = (counts: Readonly<Record<string, number>>) =>
  Object.entries(counts).reduce((sum, [phase, count]) => sum + (isBad(phase) ? count : 0), 0);

/** What an open group or graph is after a click on a vertex. */
export function opening(opened: Opened, vertex: Vertex): Opened {
  if (vertex.kind === "group") {
    return { ...opened, groups: { ...opened.groups, [vertex.id]: (opened.groups[vertex.id] ?? 0) + SHOWN_MORE } };
  }
  return { ...opened, boundaries: { ...opened.boundaries, [vertex.id]: vertex.kind === "closed" } };
}
