/** The form that a template's parameters make, and what of it is sent. */
import type { Parameter, WorkflowSpec } from "../../api/types";

export interface Field {
  name: string;
  description: string;
  /** What counts where nothing is written; undefined where something must be. */
  given: string | undefined;
  /** The only texts there may be; empty for any. */
  options: string[];
  isLong: boolean;
}

/** The parameters of a workflow and those of the template it begins with, each once. */
export function fieldsOf(spec: WorkflowSpec, entrypoint: string): Field[] {
  const own = spec.arguments?.parameters ?? [];
  const start = spec.templates?.find(({ name }) => name === entrypoint);
  const names = new Set(own.map(({ name }) => name));
  const more = (start?.inputs?.parameters ?? []).filter(({ name }) => !names.has(name));
  return [...own, ...more].map(field);
}

function field(one: Parameter): Field {
  const first = one.value ?? one.default;
  // a value from a ConfigMap is looked up when the workflow starts
  const given = first !== undefined ? String(first) : one.valueFrom ? "" : undefined;
  return {
    name: one.name,
    description: one.description ?? "",
    given: given !== undefined && /\{\{/.test(given) ? "" : given,
    options: (one.enum ?? []).map(String),
    isLong: given?.includes("\n") ?? false,
  };
}

/** Values to send: only what differs from what counts anyway. */
export function parametersOf(fields: Field[], written: Record<string, string>): string[] {
  return fields
    .filter(({ name, given }) => written[name] !== undefined && written[name] !== given)
    .map(({ name }) => `${name}=${written[name]}`);
}

/** Names of the fields where something must be written and is not. */
export function missing(fields: Field[], written: Record<string, string>): string[] {
  return fields.filter(({ name, given }) => given === undefined && !written[name]).map(({ name }) => name);
}

const LABEL = /^[\w./-]+=[\w.-]*$/;

/** What is wrong with labels as `a=b,c=d`; empty when nothing is. */
export function wrongLabels(text: string): string {
  const parts = text.split(",").map((one) => one.trim());
  const bad = text.trim() ? parts.find((one) => !LABEL.test(one)) : undefined;
  return bad === undefined ? "" : `“${bad}” is no label: write name=value, several with commas`;
}
