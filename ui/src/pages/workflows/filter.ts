/** What of the workflows is shown: kept in the address, asked of the server, and applied to what changes meanwhile. */
import type { Source } from "../../api/live";
import type { Phase, Workflow } from "../../api/types";

export const PHASES: Phase[] = ["Pending", "Running", "Succeeded", "Failed", "Error"];
const LABEL = "workflows.argoproj.io";

export interface Filter {
  namespace: string;
  name: string;
  phases: string[];
  /** `key`, `key=value` or `key!=value`. */
  labels: string[];
  template: string;
  /** Days, as an input of type date gives them; created on or after. */
  since: string;
  /** Finished before the end of this day. */
  until: string;
}

export function read(namespace: string, search: URLSearchParams): Filter {
  return {
    namespace,
    name: search.get("name") ?? "",
    phases: search.getAll("phase").filter((one) => PHASES.includes(one as Phase)),
    labels: search.getAll("label"),
    template: search.get("template") ?? "",
    since: search.get("since") ?? "",
    until: search.get("until") ?? "",
  };
}

/** The address' query with some parts changed; other parts of it stay. */
export function write(search: URLSearchParams, changed: Partial<Omit<Filter, "namespace">>): URLSearchParams {
  const next = new URLSearchParams(search);
  const names = {
    name: "name",
    phases: "phase",
    labels: "label",
    template: "template",
    since: "since",
    until: "until",
  };
  for (const [field, value] of Object.entries(changed)) {
    const name = names[field as keyof typeof names];
    next.delete(name);
    for (const one of Array.isArray(value) ? value : [value]) if (one) next.append(name, one);
  }
  return next;
}

export const isEmpty = (filter: Filter) =>
  !filter.name && !filter.template && !filter.since && !filter.until && !filter.phases.length && !filter.labels.length;

const FIELDS = [
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
  "metadata.creationTimestamp",
  "metadata.resourceVersion",
  "metadata.labels",
  "metadata.annotations",
  "spec.suspend",
  "spec.shutdown",
  "status.phase",
  "status.startedAt",
  "status.finishedAt",
  "status.progress",
  "status.message",
];

export function source(filter: Filter): Source {
  const labelSelector = [
    ...filter.labels,
    ...(filter.template ? [`${LABEL}/workflow-template=${filter.template}`] : []),
    // a workflow that nobody has looked at yet has no phase label: the selection is left to this page then
    ...(filter.phases.length && !filter.phases.includes("Pending")
      ? [`${LABEL}/phase in (${filter.phases.join(",")})`]
      : []),
  ].join(",");
  return {
    list: `api/v1/workflows/${filter.namespace}`,
    watch: `api/v1/workflow-events/${filter.namespace}`,
    options: { labelSelector },
    query: {
      "listOptions.fieldSelector": filter.name ? `metadata.name=${filter.name}` : "",
      nameFilter: filter.name ? "Contains" : "",
      createdAfter: filter.since && new Date(`${filter.since}T00:00:00`).toISOString(),
      finishedBefore: filter.until && dayAfter(filter.until).toISOString(),
    },
    fields: FIELDS,
  };
}

function dayAfter(day: string): Date {
  const date = new Date(`${day}T00:00:00`);
  date.setDate(date.getDate() + 1);
  return date;
}

export function matches(filter: Filter, workflow: Workflow): boolean {
  const { metadata, status } = workflow;
  const labels = metadata.labels ?? {};
  const ended = status?.finishedAt ? Date.parse(status.finishedAt) : Number.NaN;
  return (
    metadata.name.includes(filter.name) &&
    (!filter.phases.length || filter.phases.includes(status?.phase || "Pending")) &&
    filter.labels.every((one) => hasLabel(labels, one)) &&
    (!filter.template || labels[`${LABEL}/workflow-template`] === filter.template) &&
    (!filter.since || Date.parse(metadata.creationTimestamp ?? "") >= Date.parse(`${filter.since}T00:00:00`)) &&
    (!filter.until || ended < dayAfter(filter.until).getTime())
  );
}

export function hasLabel(labels: Record<string, string>, selector: string): boolean {
  const found = /^([^=!]+?)\s*(!=|==?)\s*(.*)$/.exec(selector);
  if (!found) return selector.trim() in labels;
  const [, key = "", sign, value] = found;
  return sign === "!=" ? labels[key] !== value : labels[key] === value;
}

/** A selector that the server will take, or why not. */
export function checkLabel(selector: string): string {
  const fine = /^[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?\s*((!=|==?)\s*[A-Za-z0-9]?[-A-Za-z0-9_.]*)?$/.test(
    selector.trim(),
  );
  return fine ? "" : `${selector} is no label: write key, key=value or key!=value`;
}
