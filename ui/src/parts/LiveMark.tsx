/** Whether what is shown follows the cluster; if not, since when. */
import "./livemark.css";
import { useState } from "react";
import type { Connection } from "../api/follow";
import { local } from "./time";

const WORDS: Record<Exclude<Connection, "broken">, string> = { loading: "loading", live: "live" };

export function LiveMark({ connection }: { connection: Connection }) {
  const [shown, setShown] = useState({ connection, since: Date.now() });
  if (shown.connection !== connection) setShown({ connection, since: Date.now() });
  return (
    <span className={`livemark livemark-${connection}`} role="status">
      {connection === "broken"
        ? `not live since ${local(new Date(shown.since).toISOString())}, reconnecting`
        : WORDS[connection]}
    </span>
  );
}
