/** Where vertices and edges are drawn, by dagre. Runs in a worker; pure. */
import { graphlib, layout } from "@dagrejs/dagre";

export type Direction = "LR" | "TB";
export const WIDTH = 186;
export const HEIGHT = 38;

export interface Question {
  vertices: string[];
  edges: [string, string][];
  direction: Direction;
}

export interface Edge {
  from: string;
  to: string;
  path: string;
  /** Left, top, right, bottom. */
  box: [number, number, number, number];
}

export interface Arrangement {
  /** The middle of each vertex. */
  places: Record<string, { x: number; y: number }>;
  edges: Edge[];
  width: number;
  height: number;
}

/** Above this the ranks are good instead of best: the best take seconds. */
const BEST = 150;

export function arrange({ vertices, edges, direction }: Question): Arrangement {
  const graph = new graphlib.Graph();
  const ranker = vertices.length > BEST ? "tight-tree" : "network-simplex";
  graph.setGraph({
    rankdir: direction,
    nodesep: 12,
    ranksep: direction === "LR" ? 46 : 34,
    marginx: 16,
    marginy: 16,
    ranker,
  });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const one of vertices) graph.setNode(one, { width: WIDTH, height: HEIGHT });
  for (const [from, to] of edges) graph.setEdge(from, to);
  layout(graph);
  const found: Arrangement["places"] = {};
  for (const one of vertices) {
    const { x = 0, y = 0 } = graph.node(one) as { x?: number; y?: number };
    found[one] = { x, y };
  }
  const slots = exchanged(vertices, edges, found, direction);
  const slot = (one: string) => slots.get(one) ?? one;
  const places = Object.fromEntries(vertices.map((one) => [one, found[slot(one)] ?? { x: 0, y: 0 }]));
  const drawn = edges.map(([from, to]): Edge => {
    const { points = [] } = graph.edge(slot(from), slot(to)) as { points?: { x: number; y: number }[] };
    const xs = points.map(({ x }) => x);
    const ys = points.map(({ y }) => y);
    return { from, to, path: curve(points), box: [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)] };
  });
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return { places, edges: drawn, width, height };
}

/**
 * Vertices between the same others can stand in each other's place: they are put in the order that they came in.
 * Answers for each of them whose place it takes.
 */
function exchanged(vertices: string[], edges: [string, string][], places: Arrangement["places"], direction: Direction) {
  const around = new Map<string, string[]>(vertices.map((one) => [one, []]));
  for (const [from, to] of edges) {
    around.get(from)?.push(`>${to}`);
    around.get(to)?.push(`<${from}`);
  }
  const alike = new Map<string, string[]>();
  for (const one of vertices) {
    const key = JSON.stringify([
      direction === "LR" ? places[one]?.x : places[one]?.y,
      ...(around.get(one) ?? []).sort(),
    ]);
    const found = alike.get(key);
    if (found) found.push(one);
    else alike.set(key, [one]);
  }
  const slots = new Map<string, string>();
  const across = (one: string) => (direction === "LR" ? places[one]?.y : places[one]?.x) ?? 0;
  for (const some of alike.values()) {
    const free = [...some].sort((a, b) => across(a) - across(b));
    some.forEach((one, index) => {
      slots.set(one, free[index] ?? one);
    });
  }
  return slots;
}

/** A line through the points, round at each. */
export function curve(points: { x: number; y: number }[]): string {
  const [first, ...rest] = points.map(({ x, y }) => ({ x: Math.round(x), y: Math.round(y) }));
  if (!first) return "";
  let path = `M${first.x} ${first.y}`;
  rest.forEach((point, index) => {
    const next = rest[index + 1];
    path += next
      ? ` Q${point.x} ${point.y} ${(point.x + next.x) / 2} ${(point.y + next.y) / 2}`
      : ` L${point.x} ${point.y}`;
  });
  return path;
}
