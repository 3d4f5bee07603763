/** How the server lets people in, as it wrote into the document; in development all of them. */

export type Mode = "server" | "client" | "sso";

export function modes(): readonly Mode[] {
  const said = document.querySelector<HTMLMetaElement>('meta[name="auth-modes"]')?.content ?? "";
  return said.split(" ") as Mode[];
}
