/** JSON schemas of the kinds, and what they say of one place in an object. */
import { request } from "../api/request";

export interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  type?: string | string[];
  description?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
  anyOf?: Schema[];
  const?: unknown;
  [keyword: string]: unknown;
}

export type Kind = "Workflow" | "WorkflowTemplate" | "ClusterWorkflowTemplate" | "CronWorkflow";
export type Path = readonly (string | number)[];

export function readSchema(kind: Kind, signal: AbortSignal): Promise<Schema> {
  return request<Schema>("GET", `schemas/${kind}.json`, { signal });
}

/** The schema itself behind references. */
export function resolved(part: Schema, root: Schema): Schema {
  const name = part.$ref?.replace("#/$defs/", "");
  const found = name === undefined ? undefined : root.$defs?.[name];
  return found ? resolved(found, root) : part;
}

/** What is said of the value at a path; undefined where nothing is. Any index stands for all of a list. */
export function at(root: Schema, path: Path): Schema | undefined {
  let part: Schema | undefined = resolved(root, root);
  for (const step of path) {
    part = part && below(part, step);
    part = part && resolved(part, root);
  }
  return part;
}

function below(part: Schema, step: string | number): Schema | undefined {
  if (typeof step === "number") return part.items;
  const rest = typeof part.additionalProperties === "object" ? part.additionalProperties : undefined;
  return part.properties?.[step] ?? rest;
}

/** The known name that is most like another one; empty if none is. */
export function nearest(name: string, names: readonly string[]): string {
  const ranked = names.map((one) => ({ one, far: distance(name.toLowerCase(), one.toLowerCase()) }));
  ranked.sort((a, b) => a.far - b.far);
  const best = ranked[0];
  return best && best.far <= Math.max(1, Math.floor(name.length / 3)) ? best.one : "";
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(same, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
