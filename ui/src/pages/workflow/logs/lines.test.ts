import { expect, test } from "vitest";
import { found, pieces, plain } from "./lines";

const line = (content: string, number = 1) => ({ number, pod: "p", content });
const RED = "\x1b[31mred\x1b[0m plain";

test("colours become styles, and their codes are not shown", () => {
  expect(pieces(RED, "")).toEqual([
    { text: "red", style: "ansi-red", isFound: false },
    { text: " plain", style: "", isFound: false },
  ]);
  expect(plain(RED)).toBe("red plain");
});

test("a search ignores case unless it has capitals, and looks through colours", () => {
  const lines = [line("Error here"), line(`an ${RED}`), line("nothing")];
  expect(found(lines, "error")).toEqual([0]);
  expect(found(lines, "ERROR")).toEqual([]);
  expect(found(lines, "red plain")).toEqual([1]);
  expect(found(lines, "")).toEqual([]);
});

test("what was found is marked, even across two colours", () => {
  expect(
    pieces(RED, "ed pl")
      .filter(({ isFound }) => isFound)
      .map(({ text }) => text),
  ).toEqual(["ed", " pl"]);
  expect(pieces("a-b-a", "a").map(({ text, isFound }) => [text, isFound])).toEqual([
    ["a", true],
    ["-b-", false],
    ["a", true],
  ]);
});

test("html in a log stays text", () => {
  expect(pieces("<b>x</b>", "")).toEqual([{ text: "<b>x</b>", style: "", isFound: false }]);
});
