import { expect, test } from "vitest";
import { arrange, curve, HEIGHT, WIDTH } from "./arrange";

test("what comes after another is drawn behind it, and nothing covers anything", () => {
  const vertices = ["a", "b", "c", "d"];
  const edges: [string, string][] = [
    ["a", "b"],
    ["a", "c"],
    ["b", "d"],
    ["c", "d"],
  ];
  const { places, width, height, edges: drawn } = arrange({ vertices, edges, direction: "LR" });
  const [a, b, c, d] = vertices.map((one) => places[one] ?? { x: 0, y: 0 }) as [P, P, P, P];
  expect(a.x + WIDTH).toBeLessThan(b.x);
  expect(b.x).toBe(c.x);
  expect(Math.abs(b.y - c.y)).toBeGreaterThan(HEIGHT);
  expect(d.x).toBeGreaterThan(c.x + WIDTH);
  expect(width).toBeGreaterThan(d.x);
  expect(height).toBeGreaterThan(Math.max(b.y, c.y));
  expect(drawn.map(({ from, to }) => [from, to])).toEqual(edges);
});

type P = { x: number; y: number };

test("a line goes through its points in the direction of the graph", () => {
  const points = [
    { x: 0, y: 0 },
    { x: 10, y: 0 },
    { x: 20, y: 8 },
  ];
  expect(curve(points, "LR")).toBe("M0 0 C5 0 5 0 10 0 C15 0 15 8 20 8");
  expect(curve(points, "TB")).toBe("M0 0 C0 0 10 0 10 0 C10 4 20 4 20 8");
});

test("lines are fastened in the middle of sides", () => {
  const edges: [string, string][] = ["b", "c", "d"].map((one) => ["a", one]);
  for (const direction of ["LR", "TB"] as const) {
    const { places, edges: drawn } = arrange({ vertices: ["a", "b", "c", "d"], edges, direction });
    for (const { from, to, path } of drawn) {
      const [start, end] = [places[from], places[to]] as [P, P];
      const numbers = path.match(/-?\d+(\.\d+)?/g)?.map(Number) ?? [];
      const [x, y] = direction === "LR" ? [WIDTH / 2, 0] : [0, HEIGHT / 2];
      const rounded = [start.x + x, start.y + y, end.x - x, end.y - y].map(Math.round);
      expect([...numbers.slice(0, 2), ...numbers.slice(-2)]).toEqual(rounded);
    }
  }
});

test("alike vertices stand in the order that they came in, with their lines", () => {
  const items = Array.from({ length: 20 }, (_, index) => `item-${(index * 7) % 20}`);
  const edges = items.flatMap((one): [string, string][] => [
    ["loop", one],
    [one, "end"],
  ]);
  for (const direction of ["LR", "TB"] as const) {
    const { places, edges: drawn } = arrange({ vertices: ["loop", ...items, "end"], edges, direction });
    const across = items.map((one) => (direction === "LR" ? places[one]?.y : places[one]?.x) ?? 0);
    expect(across).toEqual([...across].sort((a, b) => a - b));
    const line = drawn.find(({ to }) => to === items[0]);
    const [, , right = 0, bottom = 0] = line?.box ?? [];
    const first = places[items[0] ?? ""] ?? { x: 0, y: 0 };
    if (direction === "LR") expect(right).toBeLessThanOrEqual(first.x);
    else expect(bottom).toBeLessThanOrEqual(first.y);
  }
});
