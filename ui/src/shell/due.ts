/** What is said once to somebody: it is remembered in the browser, and told to nobody. Pure. */

export type Greeting = "firstTimeUser" | "newVersion" | "feedback";

export interface Remembered {
  /** The version that was seen last; none at the first visit. */
  version?: string;
  /** Milliseconds since 1970 of the first visit. */
  since?: number;
  isAsked?: boolean;
}

const ASKED_AFTER = 14 * 24 * 3600 * 1000;

/** Which greeting is due, if the server wants it. */
export function due(
  wanted: Partial<Record<Greeting, boolean>>,
  known: Remembered,
  version: string,
  now: number,
): Greeting | undefined {
  if (!known.version) return wanted.firstTimeUser ? "firstTimeUser" : undefined;
  if (known.version !== version) return wanted.newVersion ? "newVersion" : undefined;
  const isOld = now - (known.since ?? now) >= ASKED_AFTER;
  return wanted.feedback && isOld && !known.isAsked ? "feedback" : undefined;
}

/** What is remembered once it was said, or was not wanted. */
export const after = (known: Remembered, said: Greeting | undefined, version: string, now: number): Remembered => ({
  version,
  since: known.since ?? now,
  isAsked: known.isAsked || said === "feedback",
});

const KEY = "tiphys-greeted";

export function recall(): Remembered {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return found && typeof found === "object" ? found : {};
  } catch {
    return {};
  }
}

export const remember = (known: Remembered) => localStorage.setItem(KEY, JSON.stringify(known));
