import { expect, test } from "vitest";
import { type Piece, pieces } from "./markdown";

const plain = (found: Piece[]): string =>
  found
    .map((one) =>
      typeof one === "string" ? one : `<${one.tag}${one.href ? ` ${one.href}` : ""}>${plain(one.inside)}</${one.tag}>`,
    )
    .join("");

const elements = (found: Piece[]): string[] =>
  found.flatMap((one) => (typeof one === "string" ? [] : [one.tag, ...elements(one.inside)]));

test.each([
  ["plain words", "plain words"],
  ["**Build** of `main`", "<strong>Build</strong> of <code>main</code>"],
  ["[docs](https://example.com/a?b=c)", "<a https://example.com/a?b=c>docs</a>"],
  ["*a* ~~b~~", "<em>a</em> <s>b</s>"],
  ["# no heading", "# no heading"],
])("a line: %s", (text, found) => expect(plain(pieces(text, true))).toBe(found));

test("a picture is a link to it", () => {
  expect(plain(pieces("![x](https://example.com/x.png)", true))).toBe("!<a https://example.com/x.png>x</a>");
});

test("a text has paragraphs and lists", () => {
  expect(plain(pieces("one\n\n- two\n- **three**", false))).toBe(
    "<p>one</p><ul><li>two</li><li><strong>three</strong></li></ul>",
  );
});

test.each([
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "[x](javascript:alert(1))",
  "[x](data:text/html,y)",
  "[x](  javascript:alert(1))",
])("what could do harm is words: %s", (text) => {
  for (const isLine of [true, false]) {
    const found = pieces(text, isLine);
    expect(elements(found).filter((one) => one !== "p" && one !== "br")).toEqual([]);
    expect(plain(found)).toContain(text.slice(0, 4).trim());
  }
});
