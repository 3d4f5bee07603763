/** Where vertices and edges are drawn, by dagre. Runs in a worker; pure. */
import { graphlib, layout } from "@dagrejs/dagre";

export type Direction = "LR" | "TB";
export const WIDTH = 186;
export const HEIGHT = 38;

interface Point {
  x: number;
  y: number;
}

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
  places: Record<string, Point>;
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
    const { points = [] } = graph.edge(slot(from), slot(to)) as { points?: Point[] };
    const line = fastened(points, places[from], places[to], direction);
    const xs = line.map(({ x }) => x);
    const ys = line.map(({ y }) => y);
    return {
      from,
      to,
      path: curve(line, direction),
      box: [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)],
    };
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

/**
 * From the middle of a side to the middle of a side, past the vertices of each rank between as straight as they are long.
 * dagre cuts vertices anywhere, at their corners, too, and bends lines between ranks, which is each of its points but the even ones.
 */
function fastened(points: Point[], from: Point | undefined, to: Point | undefined, direction: Direction): Point[] {
  if (!from || !to || points.length < 2) return points;
  // of a line back to what came before the sides are the others
  const sign = (direction === "LR" ? to.x < from.x : to.y < from.y) ? -1 : 1;
  const [x, y] = direction === "LR" ? [(sign * WIDTH) / 2, 0] : [0, (sign * HEIGHT) / 2];
  const passed = points.slice(1, -1).filter((_, index) => index % 2 === 1);
  return [
    { x: from.x + x, y: from.y + y },
    ...passed.flatMap((one) => [
      { x: one.x - x, y: one.y - y },
      { x: one.x + x, y: one.y + y },
    ]),
    { x: to.x - x, y: to.y - y },
  ];
}

/** A line through the points, which it passes in the direction of the graph. */
export function curve(points: Point[], direction: Direction): string {
  const [first, ...rest] = points.map(({ x, y }) => ({ x: Math.round(x), y: Math.round(y) }));
  if (!first) return "";
  let path = `M${first.x} ${first.y}`;
  let before = first;
  for (const point of rest) {
    const { x, y } = { x: (before.x + point.x) / 2, y: (before.y + point.y) / 2 };
    const [one, other] =
      direction === "LR" ? [`${x} ${before.y}`, `${x} ${point.y}`] : [`${before.x} ${y}`, `${point.x} ${y}`];
    path += ` C${one} ${other} ${point.x} ${point.y}`;
    before = point;
  }
  return path;
}
