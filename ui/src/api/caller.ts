/** Who asks, and where the server is: as the document knows it, or as it told a worker, which has no document. */

export interface Caller {
  /** The address below which everything of the server is. */
  base: string;
  /** Value of the header Authorization; empty where cookies do. */
  authorization: string;
}

const COOKIE = "authorization";
let told: Caller | undefined;

/** For a worker, before it asks anything. */
export function asksFor(caller: Caller): void {
  told = caller;
}

export function caller(): Caller {
  return told ?? { base: document.baseURI, authorization: kept() };
}

/** The token that the login page left in a cookie; it goes as a header, since cookies change nothing. */
function kept(): string {
  const found = document.cookie.split("; ").find((one) => one.startsWith(`${COOKIE}=`));
  return found ? decodeURIComponent(found.slice(COOKIE.length + 1)) : "";
}

/** Remember `Bearer ...` for this browser session; an empty text forgets it. */
export function setAuthorization(text: string): void {
  const path = new URL(document.baseURI).pathname;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  const end = text ? "" : "; Max-Age=0";
  // biome-ignore lint/suspicious/noDocumentCookie: the cookie store is not there on plain http
  document.cookie = `${COOKIE}=${encodeURIComponent(text)}; Path=${path}; SameSite=Strict${secure}${end}`;
}
