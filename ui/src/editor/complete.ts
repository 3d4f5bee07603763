/** What may stand where the cursor is, by the schema of the kind. */
import type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import { wanted } from "./check";
import { at, type Path, resolved, type Schema } from "./schema";

const KEY = /^(\s*)((?:- +)*)([\w$.-]+):(?:\s|$)/;

/** The path of the object that a column of a line is in; told by indentation alone, since the text is not whole while one writes. */
export function pathAt(lines: readonly string[], line: number, column: number): Path {
  const path: (string | number)[] = [];
  let indent = column;
  let inList = false;
  const dashes = (own: string): void => {
    const before = /^(\s*)((?:- +)+)/.exec(own);
    if (!before) return;
    for (const _ of (before[2] ?? "").matchAll(/-/g)) path.unshift(0);
    indent = (before[1] ?? "").length;
    inList = true;
  };
  dashes((lines[line] ?? "").slice(0, column));
  for (let i = line - 1; i >= 0; i--) {
    const text = lines[i] ?? "";
    const key = KEY.exec(text);
    const start = key ? (key[1] ?? "").length + (key[2] ?? "").length : text.search(/\S/);
    if (start < 0 || text.trimStart().startsWith("#")) continue;
    if (start === indent && !inList && /^\s*- /.test(text)) {
      dashes(text);
    } else if (key && (start < indent || (inList && start === indent && !key[2]))) {
      path.unshift(key[3] ?? "");
      indent = start;
      inList = false;
      dashes(text);
    }
  }
  return path;
}

export function complete(schema: Schema, text: string, position: number): CompletionResult | null {
  const lines = text.slice(0, position).split("\n");
  const own = lines.at(-1) ?? "";
  const value = /^(\s*(?:- +)*)([\w$.-]+):\s+(\w*)$/.exec(own);
  if (value) {
    const path = [...pathAt(lines, lines.length - 1, (value[1] ?? "").length), value[2] ?? ""];
    const options = values(at(schema, path));
    return options.length > 0 ? { from: position - (value[3] ?? "").length, options } : null;
  }
  const word = /^(\s*(?:- +)*)([\w$.-]*)$/.exec(own);
  if (!word) return null;
  const here = at(schema, pathAt(lines, lines.length - 1, (word[1] ?? "").length));
  const options = Object.entries(here?.properties ?? {}).map(([name, part]) => option(name, part, schema));
  return options.length > 0 ? { from: position - (word[2] ?? "").length, options, validFor: /^[\w$.-]*$/ } : null;
}

function option(name: string, part: Schema, schema: Schema): Completion {
  const whole = resolved(part, schema);
  const made: Completion = { label: name, type: "property", detail: wanted(whole), apply: `${name}: ` };
  if (whole.description) made.info = whole.description;
  return made;
}

function values(part: Schema | undefined): Completion[] {
  if (part?.const !== undefined) return [{ label: String(part.const), type: "constant" }];
  return part?.type === "boolean" ? ["true", "false"].map((label) => ({ label, type: "keyword" })) : [];
}

export const completer = (schema: () => Schema | undefined) => (context: CompletionContext) => {
  const known = schema();
  const started = context.matchBefore(/[\w$.-]+$/) ?? context.explicit;
  return known && started ? complete(known, context.state.doc.toString(), context.pos) : null;
};
