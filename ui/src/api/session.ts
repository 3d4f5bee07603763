/** The ways to the page where one logs in, and back. */

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
