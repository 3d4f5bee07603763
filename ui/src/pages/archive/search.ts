/** What is looked for in the archive: kept in the address, so that it can be sent to somebody. */
import type { Query } from "../../api/request";

export interface Search {
  name: string;
  labels: string;
  phase: string;
  since: string;
  until: string;
  /** The first row of the page. */
  from: number;
}

export const PAGE = 50;
const LABEL_PHASE = "workflows.argoproj.io/phase";
const WORDS = ["name", "labels", "phase", "since", "until"] as const;

export function read(query: URLSearchParams): Search {
  const from = Number(query.get("from") ?? 0);
  const words = Object.fromEntries(WORDS.map((word) => [word, query.get(word) ?? ""])) as Record<
    (typeof WORDS)[number],
    string
  >;
  return { ...words, from: Number.isInteger(from) && from > 0 ? from : 0 };
}

/** The address of a changed search; whoever looks for something else begins at the first page. */
export function write(search: Search, changed: Partial<Search>): URLSearchParams {
  const next = { ...search, from: 0, ...changed };
  const query = new URLSearchParams();
  for (const word of WORDS) if (next[word]) query.set(word, next[word]);
  if (next.from > 0) query.set("from", String(next.from));
  return query;
}

/** What the server is asked. Days are those of who asks. */
export function asked(namespace: string, search: Search): Query {
  const labels = [search.labels.trim(), search.phase && `${LABEL_PHASE}=${search.phase}`].filter(Boolean);
  const fields = [
    search.name && `metadata.name=${search.name}`,
    search.since && `spec.startedAt>${instant(search.since, 0)}`,
    search.until && `spec.startedAt<${instant(search.until, 1)}`,
  ].filter(Boolean);
  return {
    namespace,
    nameFilter: search.name ? "Contains" : "",
    "listOptions.labelSelector": labels.join(","),
    "listOptions.fieldSelector": fields.join(","),
    "listOptions.limit": PAGE,
    "listOptions.continue": search.from > 0 ? String(search.from) : "",
  };
}

function instant(day: string, later: number): string {
  const date = new Date(`${day}T00:00:00`);
  date.setDate(date.getDate() + later);
  return Number.isNaN(date.getTime()) ? "" : date.toISOString().replace(/\.\d+Z$/, "Z");
}
