/** Colours of programs that choose among 256, or among all. Pure. */

const STEPS = [0, 95, 135, 175, 215, 255];

/** `r, g, b` of a number from 16 to 255: a cube of six steps each, then greys. */
export function paletteColour(number: number): string {
  if (number >= 232)
    return Array(3)
      .fill(8 + (number - 232) * 10)
      .join(", ");
  const at = number - 16;
  return [Math.floor(at / 36), Math.floor(at / 6) % 6, at % 6].map((step) => STEPS[step] ?? 0).join(", ");
}

/** `rgb(...)` of what Anser found; none where the colour has a name of its own. */
export function rgb(found: string, exact: string): string | undefined {
  if (found.startsWith("ansi-truecolor")) return `rgb(${exact})`;
  const palette = /^ansi-palette-(\d+)$/.exec(found);
  return palette ? `rgb(${paletteColour(Number(palette[1]))})` : undefined;
}
