/** Lines of logs: kept, searched, coloured. Pure. */
import Anser, { type AnserJsonEntry } from "anser";
import { rgb } from "./palette";

export interface Line {
  number: number;
  pod: string;
  content: string;
}

export interface Piece {
  text: string;
  /** Names of styles for the colour and weight that the program chose. */
  style: string;
  /** What it chose beyond the names: `rgb(...)`. */
  colour?: string;
  ground?: string;
  isFound: boolean;
}

/** The newest so many lines are kept: a page is no archive. */
export const KEPT = 100_000;
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what they are found by
const CODES = /\x1b\[[0-9;:?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)/g;

export const plain = (content: string) => content.replace(CODES, "");

/** Numbers of the lines that hold a text; case counts only where the text has capitals. */
export function found(lines: readonly Line[], text: string): number[] {
  if (!text) return [];
  const isExact = text !== text.toLowerCase();
  const hits: number[] = [];
  lines.forEach(({ content }, index) => {
    const line = plain(content);
    if ((isExact ? line : line.toLowerCase()).includes(text)) hits.push(index);
  });
  return hits;
}

/** One line as pieces of one style each, with what was searched marked. */
export function pieces(content: string, text: string): Piece[] {
  const coloured = content.includes("\x1b")
    ? Anser.ansiToJson(content, { use_classes: true, remove_empty: true }).map((one) => ({
        text: one.content,
        ...styleOf(one),
      }))
    : [{ text: content, style: "" }];
  if (!text) return coloured.map((one) => ({ ...one, isFound: false }));
  return marked(coloured, text);
}

type Style = Omit<Piece, "text" | "isFound">;

function styleOf({ fg, bg, fg_truecolor, bg_truecolor, decorations }: AnserJsonEntry): Style {
  const colour = fg ? rgb(fg, fg_truecolor) : undefined;
  const ground = bg ? rgb(bg, bg_truecolor) : undefined;
  const names = [colour ? "ansi-own" : fg, bg && (ground ? "ansi-own-ground" : `${bg}-ground`)];
  const style = [...names, ...decorations.map((one) => `ansi-${one}`)].filter(Boolean).join(" ");
  return { style, ...(colour && { colour }), ...(ground && { ground }) };
}

/** A hit may begin in one piece and end in another. */
function marked(coloured: (Style & { text: string })[], text: string): Piece[] {
  const whole = coloured.map((one) => one.text).join("");
  const isExact = text !== text.toLowerCase();
  const searched = isExact ? whole : whole.toLowerCase();
  const cuts: number[] = [];
  for (let at = searched.indexOf(text); at >= 0; at = searched.indexOf(text, at + text.length))
    cuts.push(at, at + text.length);
  const made: Piece[] = [];
  let offset = 0;
  let next = 0;
  for (const { text: piece, ...style } of coloured) {
    let done = 0;
    while (done < piece.length) {
      while (next < cuts.length && (cuts[next] ?? 0) <= offset + done) next += 1;
      const end = Math.min(piece.length, (cuts[next] ?? Number.POSITIVE_INFINITY) - offset);
      made.push({ text: piece.slice(done, end), ...style, isFound: next % 2 === 1 });
      done = end;
    }
    offset += piece.length;
  }
  return made;
}
