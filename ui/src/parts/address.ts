/** Addresses of the configuration's links, with `${...}` filled from what is looked at. Pure. */

type Known = { readonly [name: string]: unknown };

/** `metadata.labels.a.b/c`: names hold dots themselves, so that the longest that is there counts. */
function find(known: unknown, path: string): unknown {
  if (known === null || typeof known !== "object") return undefined;
  const held = known as Known;
  if (Object.hasOwn(held, path)) return held[path];
  for (let dot = path.lastIndexOf("."); dot > 0; dot = path.lastIndexOf(".", dot - 1)) {
    const name = path.slice(0, dot);
    if (Object.hasOwn(held, name)) return find(held[name], path.slice(dot + 1));
  }
  return undefined;
}

/** `status.startedAtEpoch` is `status.startedAt` in milliseconds since 1970. */
function textOf(known: Known, path: string): string {
  const value = find(known, path);
  if (value !== undefined && value !== null) return typeof value === "object" ? "" : String(value);
  const time = path.endsWith("Epoch") ? find(known, path.slice(0, -"Epoch".length)) : undefined;
  const milliseconds = typeof time === "string" ? Date.parse(time) : Number.NaN;
  return Number.isNaN(milliseconds) ? "" : String(milliseconds);
}

/**
 * The address, or none where it would be no page of the web: what a workflow says must not become a script.
 * A value is encoded, unless the address begins with it.
 */
export function addressOf(url: string, known: Known, base: string): string | undefined {
  const filled = url.replace(/\$\{([^}]*)\}/g, (_whole, path: string, at: number) => {
    const value = textOf(known, path.trim());
    return at === 0 ? value : encodeURIComponent(value);
  });
  if (!filled || !URL.canParse(filled, base)) return undefined;
  const made = new URL(filled, base);
  return made.protocol === "http:" || made.protocol === "https:" ? made.toString() : undefined;
}
