import { expect, test } from "vitest";
import type { Workflow } from "../../api/types";
import { readOrder, sorted, writeOrder } from "./order";

const NOW = Date.parse("2026-01-01T01:00:00Z");
const workflow = (name: string, created: string, status: Workflow["status"] = {}): Workflow => ({
  metadata: { name, creationTimestamp: created },
  spec: {},
  status,
});
const all = [
  workflow("b", "2026-01-01T00:00:00Z", { startedAt: "2026-01-01T00:00:00Z", progress: "1/4" }),
  workflow("a", "2026-01-01T00:30:00Z", {
    startedAt: "2026-01-01T00:30:00Z",
    finishedAt: "2026-01-01T00:31:00Z",
    progress: "2/2",
  }),
];
const names = (text: string) =>
  sorted(all, readOrder(text), NOW)
    .map(({ metadata }) => metadata.name)
    .join("");

test("the newest workflow comes first unless something else is said", () => {
  expect(names("")).toBe("ab");
  expect(names("-age")).toBe("ba");
});

test("a workflow that runs has taken the time until now", () => {
  expect(names("duration")).toBe("ab");
});

test("progress is a share, not a text", () => {
  expect(names("progress")).toBe("ba");
});

test("an order survives the address", () => {
  expect(writeOrder(readOrder("-name"))).toBe("-name");
  expect(writeOrder(readOrder("nonsense"))).toBe("age");
});
