import { expect, test } from "vitest";
import { arrange } from "./arrange";
import { fitted, neighbour, seen, WORDS_FROM, zoomed } from "./view";

const chain = Array.from({ length: 100 }, (_, index) => `n${index}`);
const edges = chain.slice(1).map((id, index): [string, string] => [`n${index}`, id]);
const arrangement = arrange({ vertices: chain, edges, direction: "LR" });

test("only what is near the window is drawn", () => {
  const { vertices, edges: drawn } = seen(arrangement, { x: 0, y: 0, scale: 1 }, 800, 600);
  expect(vertices).toContain("n0");
  expect(vertices.length).toBeLessThan(8);
  expect(drawn.length).toBeLessThan(8);
});

test("a zoom leaves the point below the pointer where it is", () => {
  const view = zoomed({ x: 10, y: 20, scale: 1 }, 2, { x: 110, y: 120 });
  expect(view).toEqual({ scale: 2, x: -90, y: -80 });
});

test("a small drawing stands in the middle and is not made larger", () => {
  expect(fitted({ width: 200, height: 100, places: {} }, 800, 600)).toEqual({ scale: 1, x: 300, y: 250 });
});

test("of a drawing that is too large its first vertex is in view, and its words are read", () => {
  const items = chain.map((id): [string, string] => ["root", id]);
  for (const direction of ["LR", "TB"] as const) {
    const wide = arrange({ vertices: ["root", ...chain], edges: items, direction });
    const { x, y, scale } = fitted(wide, 390, 600);
    const root = wide.places.root ?? { x: 0, y: 0 };
    expect(scale).toBeGreaterThanOrEqual(WORDS_FROM);
    expect(x + root.x * scale).toBeGreaterThan(0);
    expect(x + root.x * scale).toBeLessThan(390);
    expect(y + root.y * scale).toBeGreaterThan(0);
    expect(y + root.y * scale).toBeLessThan(600);
  }
});

test("arrow keys go to the next vertex in their direction", () => {
  expect(neighbour(arrangement.places, "n4", "ArrowRight")).toBe("n5");
  expect(neighbour(arrangement.places, "n4", "ArrowLeft")).toBe("n3");
  expect(neighbour(arrangement.places, "n4", "ArrowUp")).toBeUndefined();
});
