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

test("one of 256 colours, and any colour, is kept as it was chosen", () => {
  expect(pieces("\x1b[38;5;208mamber\x1b[48;5;240m on grey\x1b[0m", "")).toEqual([
    { text: "amber", style: "ansi-own", colour: "rgb(255, 135, 0)", isFound: false },
    {
      text: " on grey",
      style: "ansi-own ansi-own-ground",
      colour: "rgb(255, 135, 0)",
      ground: "rgb(88, 88, 88)",
      isFound: false,
    },
  ]);
  expect(pieces("\x1b[38;2;1;2;3mdeep", "ee")).toEqual([
    { text: "d", style: "ansi-own", colour: "rgb(1, 2, 3)", isFound: false },
    { text: "ee", style: "ansi-own", colour: "rgb(1, 2, 3)", isFound: true },
    { text: "p", style: "ansi-own", colour: "rgb(1, 2, 3)", isFound: false },
  ]);
});

test("html in a log stays text", () => {
  expect(pieces("<b>x</b>", "")).toEqual([{ text: "<b>x</b>", style: "", isFound: false }]);
});
