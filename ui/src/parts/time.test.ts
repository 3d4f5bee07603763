import { expect, test } from "vitest";
import { duration, span } from "./time";

test("a span is told in its two largest units", () => {
  expect([0, 59_000, 60_000, 3_725_000, 90_061_000].map(span)).toEqual(["0s", "59s", "1m", "1h 2m", "1d 1h"]);
});

test("what has not begun has no duration, and what has not ended lasts until now", () => {
  expect(duration(null, null, 0)).toBe("");
  expect(duration("1970-01-01T00:00:00Z", null, 5000)).toBe("5s");
  expect(duration("1970-01-01T00:00:00Z", "1970-01-01T00:00:02Z", 5000)).toBe("2s");
});
