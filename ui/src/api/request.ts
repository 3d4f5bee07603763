/** One request and its answer; what the server refuses is thrown with the server's own words. */
import { caller } from "./caller";

export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
    this.name = "Refused";
  }
}

export type Query = Record<string, string | number | boolean | undefined>;

/** The address below the server's base path; values that are empty are left out. */
export function address(path: string, query: Query = {}): string {
  const url = new URL(path.replace(/^\//, ""), caller().base);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "" && value !== false) url.searchParams.set(name, String(value));
  }
  return url.toString();
}

export function headers(more: Record<string, string> = {}): Record<string, string> {
  const { authorization } = caller();
  return authorization ? { Authorization: authorization, ...more } : more;
}

/** Throws Refused with the message of the answer; status 0 when the server cannot be reached. */
export async function send(url: string, init: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(url, { credentials: "same-origin", ...init });
  } catch (e) {
    if (init.signal?.aborted) throw e;
    throw new Refused(0, "The server cannot be reached.");
  }
  if (!answer.ok) throw new Refused(answer.status, await said(answer));
  return answer;
}

async function said(answer: Response): Promise<string> {
  const text = await answer.text();
  try {
    const decoded: unknown = JSON.parse(text);
    if (decoded && typeof decoded === "object" && "message" in decoded) return String(decoded.message);
  } catch {
    // plain text is shown as it is
  }
  return text.slice(0, 500) || `${answer.status} ${answer.statusText}`;
}

export async function request<T>(
  verb: "GET" | "POST" | "PUT" | "DELETE",
  path: string,
  { query, body, signal }: { query?: Query; body?: unknown; signal?: AbortSignal } = {},
): Promise<T> {
  const init: RequestInit = { method: verb, headers: headers({ Accept: "application/json" }) };
  if (signal) init.signal = signal;
  if (body !== undefined) {
    init.headers = headers({ Accept: "application/json", "Content-Type": "application/json" });
    init.body = JSON.stringify(body);
  }
  const answer = await send(address(path, query), init);
  return (await answer.json()) as T;
}
