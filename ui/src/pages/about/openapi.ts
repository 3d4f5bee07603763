/** The server's description of itself, as the page shows it. Pure. */

export interface Parameter {
  name: string;
  in: string;
  required?: boolean;
}

export interface Operation {
  operationId: string;
  summary?: string;
  tags?: string[];
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema?: unknown }> };
  responses: Record<string, { description?: string; content?: Record<string, unknown> }>;
}

export interface Description {
  info: { title: string; version: string; description?: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, unknown> };
}

export interface Shown extends Operation {
  verb: string;
  path: string;
}

/** Operations by tag in the order of the description; with a text, those whose verb, path or summary holds it. */
export function grouped({ paths }: Description, text: string): [tag: string, operations: Shown[]][] {
  const wanted = text.trim().toLowerCase();
  const groups = new Map<string, Shown[]>();
  for (const [path, verbs] of Object.entries(paths)) {
    for (const [verb, operation] of Object.entries(verbs)) {
      const said = `${verb} ${path} ${operation.summary ?? ""}`.toLowerCase();
      if (!said.includes(wanted)) continue;
      const tag = operation.tags?.[0] ?? "";
      groups.set(tag, [...(groups.get(tag) ?? []), { ...operation, verb: verb.toUpperCase(), path }]);
    }
  }
  return [...groups];
}

const REFERENCE = "#/components/schemas/";

/** The schema, and all that it refers to, by name: each once. */
export function schemasOf({ components }: Description, schema: unknown): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  const look = (part: unknown): void => {
    if (part === null || typeof part !== "object") return;
    for (const [key, value] of Object.entries(part)) {
      if (key === "$ref" && typeof value === "string" && value.startsWith(REFERENCE)) {
        const name = value.slice(REFERENCE.length);
        if (name in found || !(name in components.schemas)) continue;
        found[name] = components.schemas[name];
        look(found[name]);
      } else look(value);
    }
  };
  look(schema);
  return found;
}
