/** A text of somebody's annotation, with its emphasis, code and links. */
import { createElement, Fragment, lazy, type ReactNode, Suspense } from "react";
import type { Piece } from "./markdown";

interface Props {
  text: string;
  /** One line, without paragraphs and lists. */
  line?: boolean;
  /** Inside a link there are no further ones. */
  plainLinks?: boolean;
}

const Parsed = lazy(async () => {
  const { pieces } = await import("./markdown");
  return {
    default: ({ text, line = false, plainLinks = false }: Props) =>
      createElement(Fragment, null, ...shown(pieces(text, line), plainLinks)),
  };
});

/** The words alone until the parser is there; it is fetched only where something is marked. */
export function Marked(props: Props) {
  if (!/[*_`[~\n\\#>-]/.test(props.text)) return <>{props.text}</>;
  return (
    <Suspense fallback={props.text}>
      <Parsed {...props} />
    </Suspense>
  );
}

/** As children that are given one by one: they keep their places, and need no keys. */
function shown(found: Piece[], plainLinks: boolean): ReactNode[] {
  return found.map((one) => {
    if (typeof one === "string") return one;
    const inside = shown(one.inside, plainLinks);
    if (one.tag === "a" && (plainLinks || !one.href)) return createElement("span", null, ...inside);
    const more = one.href ? { href: one.href, rel: "noopener noreferrer" } : null;
    return createElement(one.tag, more, ...inside);
  });
}
