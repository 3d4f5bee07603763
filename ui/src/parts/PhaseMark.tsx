/** A phase by shape, colour and word. */
import "./phase.css";
import type { Phase } from "../api/types";

const SHAPES: Record<string, string> = {
  Succeeded: "✓",
  Failed: "✕",
  Error: "!",
  Running: "▶",
  Pending: "◷",
  Skipped: "⤼",
  Omitted: "–",
};

export const shapeOf = (phase: string) => SHAPES[phase] ?? "◷";

export function PhaseMark({ phase, short = false }: { phase: Phase | undefined; short?: boolean }) {
  const word = phase || "Pending";
  return (
    <span className={`phase phase-${word.toLowerCase()}`}>
      <span className="phase-shape" aria-hidden="true">
        {shapeOf(word)}
      </span>
      <span className={short ? "unseen" : ""}>{word}</span>
    </span>
  );
}
