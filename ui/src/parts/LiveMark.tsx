/** Whether what is shown follows the cluster. */
import "./livemark.css";
import type { Connection } from "../api/follow";

const WORDS: Record<Connection, string> = { loading: "loading", live: "live", broken: "reconnecting" };

export function LiveMark({ connection }: { connection: Connection }) {
  return (
    <span className={`livemark livemark-${connection}`} role="status">
      {WORDS[connection]}
    </span>
  );
}
