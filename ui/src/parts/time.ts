/** Times and spans in words; one clock for everything that is shown. */
import { useSyncExternalStore } from "react";

let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;
const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const one of listeners) one();
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** The time in milliseconds, anew each second. */
export const useNow = () => useSyncExternalStore(subscribe, () => now);

const UNITS: [number, string][] = [
  [86_400, "d"],
  [3600, "h"],
  [60, "m"],
  [1, "s"],
];

/** `3m 5s`: the two largest units. */
export function span(milliseconds: number): string {
  let rest = Math.max(0, Math.round(milliseconds / 1000));
  const first = UNITS.findIndex(([size]) => rest >= size);
  if (first < 0) return "0s";
  const words: string[] = [];
  for (const [size, unit] of UNITS.slice(first, first + 2)) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) words.push(`${count}${unit}`);
  }
  return words.join(" ");
}

export const at = (time: string | null | undefined) => (time ? Date.parse(time) : Number.NaN);

/** How long something took, or takes until now; empty before its start. */
export function duration(start: string | null | undefined, end: string | null | undefined, until: number): string {
  const from = at(start);
  return Number.isNaN(from) ? "" : span((Number.isNaN(at(end)) ? until : at(end)) - from);
}

/** A time as this place writes it. */
export const local = (time: string | null | undefined) =>
  time ? new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" }) : "";
