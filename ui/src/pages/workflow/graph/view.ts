/** Which part of a drawing is seen: what is outside of it is not in the document. Pure. */
import { type Arrangement, HEIGHT, WIDTH } from "./arrange";

/** Moved by x and y, then made larger by `scale`. */
export interface View {
  x: number;
  y: number;
  scale: number;
}

export const LEAST = 0.05;
export const MOST = 2;
/** Below this scale words are not read. */
export const WORDS_FROM = 0.42;

/** Below this scale nothing is told from its neighbour. */
const OVERVIEW_FROM = 0.3;
const READ_AT = 0.6;

/** All of a drawing; of one that is too large for that, the surroundings of its first vertex, as large as they are read. */
export function fitted({ width, height, places }: Drawn, wide: number, high: number): View {
  const whole = Math.min(1, wide / width, high / height);
  if (whole >= OVERVIEW_FROM) return { x: (wide - width * whole) / 2, y: (high - height * whole) / 2, scale: whole };
  const scale = Math.min(READ_AT, Math.max(OVERVIEW_FROM, wide / width, high / height));
  const first = Object.values(places)[0] ?? { x: 0, y: 0 };
  return { x: placed(first.x * scale, width * scale, wide), y: placed(first.y * scale, height * scale, high), scale };
}

type Drawn = Pick<Arrangement, "width" | "height" | "places">;

/** Where something begins whose point shall be in the middle of a window; at its ends nothing is left empty. */
const placed = (point: number, long: number, window: number) =>
  long < window ? (window - long) / 2 : Math.min(0, Math.max(window - long, window / 2 - point));

/** The same with the point of the window at its place. */
export function zoomed(view: View, factor: number, at: { x: number; y: number }): View {
  const scale = Math.min(MOST, Math.max(LEAST, view.scale * factor));
  const ratio = scale / view.scale;
  return { scale, x: at.x - (at.x - view.x) * ratio, y: at.y - (at.y - view.y) * ratio };
}

export interface Seen {
  vertices: string[];
  edges: number[];
}

const MARGIN = 300;

export function seen(arrangement: Arrangement, view: View, wide: number, high: number): Seen {
  const left = -view.x / view.scale - MARGIN;
  const top = -view.y / view.scale - MARGIN;
  const right = (wide - view.x) / view.scale + MARGIN;
  const bottom = (high - view.y) / view.scale + MARGIN;
  const vertices = Object.entries(arrangement.places)
    .filter(
      ([, { x, y }]) =>
        x + WIDTH / 2 > left && x - WIDTH / 2 < right && y + HEIGHT / 2 > top && y - HEIGHT / 2 < bottom,
    )
    .map(([id]) => id);
  const edges: number[] = [];
  arrangement.edges.forEach(({ box: [west, north, east, south] }, index) => {
    if (east > left && west < right && south > top && north < bottom) edges.push(index);
  });
  return { vertices, edges };
}

/** The vertex next to another in a direction, by arrow key. */
export function neighbour(places: Arrangement["places"], from: string, key: string): string | undefined {
  const ways: Record<string, [number, number]> = {
    ArrowRight: [1, 0],
    ArrowLeft: [-1, 0],
    ArrowDown: [0, 1],
    ArrowUp: [0, -1],
  };
  const way = ways[key];
  const start = places[from];
  if (!way || !start) return undefined;
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const [id, { x, y }] of Object.entries(places)) {
    const along = (x - start.x) * way[0] + (y - start.y) * way[1];
    const across = Math.abs((x - start.x) * way[1]) + Math.abs((y - start.y) * way[0]);
    if (id === from || along < 4) continue;
    const cost = along + 3 * across;
    if (cost < least) [least, best] = [cost, id];
  }
  return best;
}
