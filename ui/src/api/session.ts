/** Who looks: the token that the login page left in a cookie goes with every request as a header, since cookies change nothing. */

const COOKIE = "authorization";

export function authorization(): string {
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

/** The page to log in at; it leads back to here. */
export const loginAddress = () => `login?to=${encodeURIComponent(location.pathname + location.search)}`;

/** Path and query to go to after logging in: one of this page, else its start. */
export function wayBack(search: URLSearchParams): string {
  const base = new URL(document.baseURI);
  const wanted = URL.parse(search.get("to") ?? "", base) ?? base;
  const isOurs = wanted.origin === base.origin && wanted.pathname.startsWith(base.pathname);
  const start = `${base.pathname}workflows`;
  return isOurs && wanted.pathname !== base.pathname ? wanted.pathname + wanted.search : start;
}
