/** What of an object is another than before: the rest is neither sent from a worker nor drawn anew. Pure. */

export type Plain = Readonly<Record<string, unknown>>;

export interface Difference {
  /** Fields with another value than before. */
  set: Plain;
  unset: readonly string[];
  /** Fields that are objects before and after. */
  inside: Readonly<Record<string, Difference>>;
}

const isPlain = (value: unknown): value is Plain =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Looks so many levels into objects for what has changed; what is deeper counts as a whole. Undefined where nothing has. */
export function difference(from: object, to: object, levels: number): Difference | undefined {
  const [before, after] = [from as Plain, to as Plain];
  const set: Record<string, unknown> = {};
  const inside: Record<string, Difference> = {};
  for (const [key, now] of Object.entries(after)) {
    const old = before[key];
    if (levels > 1 && isPlain(old) && isPlain(now)) {
      const found = difference(old, now, levels - 1);
      if (found) inside[key] = found;
    } else if (!same(old, now)) set[key] = now;
  }
  const unset = Object.keys(before).filter((key) => !(key in after));
  const isNone = !unset.length && !Object.keys(set).length && !Object.keys(inside).length;
  return isNone ? undefined : { set, unset, inside };
}

/** The object after it; what has not changed is the same object as before. */
export function patched<T extends object>(before: T, { set, unset, inside }: Difference): T {
  const after: Record<string, unknown> = { ...before, ...set };
  for (const [key, one] of Object.entries(inside)) after[key] = patched(after[key] as Plain, one);
  for (const key of unset) delete after[key];
  return after as T;
}

function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((one, at) => same(one, b[at]));
  if (!isPlain(a) || !isPlain(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => key in b && same(a[key], b[key]));
}
