/** Where vertices and edges are drawn, by dagre. Runs in a worker; pure. */
import { graphlib, layout } from "@dagrejs/dagre";

export type Direction = "LR" | "TB";
export const WIDTH = 186;
export const HEIGHT = 38;

export interface Question {
  id: number;
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
  id: number;
  /** The middle of each vertex. */
  places: Record<string, { x: number; y: number }>;
  edges: Edge[];
  width: number;
  height: number;
}

/** Above this the ranks are good instead of best: the best take seconds. */
const BEST = 150;

export function arrange({ id, vertices, edges, direction }: Question): Arrangement {
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
  const places: Arrangement["places"] = {};
  for (const one of vertices) {
    const { x = 0, y = 0 } = graph.node(one) as { x?: number; y?: number };
    places[one] = { x, y };
  }
  const drawn = edges.map(([from, to]): Edge => {
    const { points = [] } = graph.edge(from, to) as { points?: { x: number; y: number }[] };
    const xs = points.map(({ x }) => x);
    const ys = points.map(({ y }) => y);
    return { from, to, path: curve(points), box: [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)] };
  });
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return { id, places, edges: drawn, width, height };
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
