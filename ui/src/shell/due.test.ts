import { expect, test } from "vitest";
import { after, due } from "./due";

const ALL = { firstTimeUser: true, newVersion: true, feedback: true };
const DAY = 24 * 3600 * 1000;

test("who is new is greeted, once, and only where the server wants it", () => {
  expect(due(ALL, {}, "v1", 0)).toBe("firstTimeUser");
  expect(due({}, {}, "v1", 0)).toBeUndefined();
  expect(due(ALL, after({}, "firstTimeUser", "v1", 5), "v1", 6)).toBeUndefined();
});

test("a new version is told, once", () => {
  const known = after({}, undefined, "v1", 0);
  expect(due(ALL, known, "v2", 1)).toBe("newVersion");
  expect(due(ALL, after(known, "newVersion", "v2", 1), "v2", 2)).toBeUndefined();
});

test("what somebody thinks is asked after two weeks, once", () => {
  const known = after({}, undefined, "v1", 1);
  expect(due(ALL, known, "v1", 13 * DAY)).toBeUndefined();
  expect(due(ALL, known, "v1", 15 * DAY)).toBe("feedback");
  expect(due(ALL, after(known, "feedback", "v1", 15 * DAY), "v1", 16 * DAY)).toBeUndefined();
});
