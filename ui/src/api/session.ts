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
