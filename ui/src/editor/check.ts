/** What is wrong with a manifest: what YAML refuses, else what the schema of its kind does; each with its place in the text. */
import { type OutputUnit, Validator } from "@cfworker/json-schema";
import { type Document, isMap, isPair, isScalar, LineCounter, parseDocument } from "yaml";
import { at, nearest, type Path, type Schema } from "./schema";

export interface Problem {
  from: number;
  to: number;
  /** From 1. */
  line: number;
  message: string;
}

export interface Checked {
  /** The object, where the text is YAML. */
  value?: unknown;
  problems: Problem[];
}

/** Errors that only say that there is one further down. */
const OUTER = new Set(["properties", "items", "$ref", "additionalProperties"]);

export function check(text: string, schema?: Schema): Checked {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, merge: true });
  const place = (from: number, to: number, message: string): Problem => ({
    from: Math.min(from, text.length),
    to: Math.min(Math.max(to, from), text.length),
    line: lines.linePos(from).line,
    message,
  });
  if (document.errors.length > 0) {
    return { problems: document.errors.map((one) => place(one.pos[0], one.pos[1], plain(one.message))) };
  }
  let value: unknown;
  try {
    value = withoutNulls(document.toJS());
  } catch (e) {
    return { problems: [place(0, 0, String(e))] };
  }
  if (!value || typeof value !== "object" || Array.isArray(value)) {
    return { problems: [place(0, text.length, "this is no object: it has no fields")] };
  }
  if (!schema) return { value, problems: [] };
  const problems = broken(value, schema).map(({ path, message }) => place(...range(document, path), message));
  return { value, problems: problems.sort((a, b) => a.from - b.from) };
}

function plain(message: string): string {
  return message.replace(/ at line \d+, column \d+:[\s\S]*$/, "").replace(/; please use .*$/, ": one is expected");
}

/** Absent and null mean the same. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!value || typeof value !== "object") return value;
  const kept = Object.entries(value).filter(([, one]) => one !== null && one !== undefined);
  return Object.fromEntries(kept.map(([name, one]) => [name, withoutNulls(one)]));
}

interface Break {
  path: Path;
  message: string;
}

function broken(value: object, schema: Schema): Break[] {
  const found = new Validator(schema as ConstructorParameters<typeof Validator>[0], "2020-12", false).validate(value);
  const inner = found.errors.filter((one) => !OUTER.has(one.keyword) && !one.keywordLocation.includes("/anyOf/"));
  return inner.map((one) => said(one, value, schema));
}

function said(unit: OutputUnit, value: unknown, schema: Schema): Break {
  const path = steps(unit.instanceLocation, value);
  if (unit.keyword === "false") {
    const name = String(path.at(-1));
    const like = nearest(name, Object.keys(at(schema, path.slice(0, -1))?.properties ?? {}));
    return { path, message: `unknown field “${name}”${like ? `: did you mean “${like}”?` : ""}` };
  }
  if (unit.keyword === "required") {
    const missing = /"([^"]+)"/.exec(unit.error)?.[1] ?? "";
    return { path, message: `“${missing}” is missing` };
  }
  const where = at(schema, path);
  if (unit.keyword === "const") return { path, message: `must be “${String(where?.const)}”` };
  if (unit.keyword === "type" || unit.keyword === "anyOf") return { path, message: `must be ${wanted(where)}` };
  return { path, message: unit.error };
}

const TYPES: Record<string, string> = {
  array: "a list",
  object: "a map of fields",
  string: "text",
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
};

export function wanted(schema: Schema | undefined): string {
  const options = schema?.anyOf ?? (schema ? [schema] : []);
  const types = options.flatMap((one) => one.type ?? []).map((one) => TYPES[one] ?? one);
  return types.join(" or ") || "of another type";
}

/** A JSON pointer as steps; an index where the value there is a list. */
function steps(pointer: string, value: unknown): Path {
  let here: unknown = value;
  return pointer
    .split("/")
    .slice(1)
    .map((part) => {
      const name = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
      const step = Array.isArray(here) ? Number(name) : name;
      here = here && typeof here === "object" ? (here as Record<string | number, unknown>)[step] : undefined;
      return step;
    });
}

/** Where a path stands: at the name of a field, or at the item of a list. */
function range(document: Document, path: Path): [number, number] {
  const step = path.at(-1);
  const parent = path.length > 1 ? document.getIn(path.slice(0, -1), true) : document.contents;
  if (typeof step === "string" && isMap(parent)) {
    const pair = parent.items.find((one) => isPair(one) && isScalar(one.key) && one.key.value === step);
    if (pair && isScalar(pair.key) && pair.key.range) return [pair.key.range[0], pair.key.range[1]];
  }
  const node = path.length > 0 ? document.getIn(path, true) : document.contents;
  const found = node && typeof node === "object" && "range" in node ? (node.range as [number, number] | null) : null;
  if (!found) return path.length > 0 ? range(document, path.slice(0, -1)) : [0, 0];
  return path.length === 0 ? [0, 0] : [found[0], found[1]];
}
