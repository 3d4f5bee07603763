/** Markdown as nested pieces, by a kept parser that lets no HTML through and links to nothing but pages. Pure. */
import MarkdownIt, { type Token } from "markdown-it";

export type Piece = string | { tag: string; href?: string; inside: Piece[] };

// pictures would be fetched from elsewhere
const PARSER = new MarkdownIt("default", { html: false, linkify: false, breaks: true }).disable(["image", "table"]);

/** Of one line: emphasis, code and links; of a text: paragraphs and lists, too. */
export function pieces(text: string, isLine: boolean): Piece[] {
  return nested(isLine ? PARSER.parseInline(text, {}) : PARSER.parse(text, {}));
}

const LINK = /^(https?:|mailto:|\/|[^:]*$)/i;

function nested(tokens: readonly Token[]): Piece[] {
  const root: Piece[] = [];
  const open = [root];
  for (const token of tokens) {
    const into = open.at(-1) ?? root;
    // the paragraphs of a list without gaps
    if (token.hidden && token.nesting > 0) open.push(into);
    else if (token.nesting > 0) {
      const href = String(token.attrGet("href") ?? "");
      const inside: Piece[] = [];
      into.push({ tag: token.tag, inside, ...(LINK.test(href) && href && { href }) });
      open.push(inside);
    } else if (token.nesting < 0) open.pop();
    else if (token.type === "inline") into.push(...nested(token.children ?? []));
    else if (token.type === "softbreak" || token.type === "hardbreak") into.push({ tag: "br", inside: [] });
    else if (token.type === "hr") into.push({ tag: "hr", inside: [] });
    else if (token.tag) into.push({ tag: token.tag, inside: [token.content] });
    else into.push(token.content);
  }
  return root;
}
