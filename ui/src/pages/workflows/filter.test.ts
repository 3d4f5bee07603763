import { describe, expect, test } from "vitest";
import type { Workflow } from "../../api/types";
import { checkLabel, hasLabel, isEmpty, matches, read, source, write } from "./filter";

const workflow = (name: string, phase: "" | "Running" | "Failed", labels = {}): Workflow => ({
  metadata: { name, namespace: "ns", creationTimestamp: "2026-03-02T10:00:00Z", labels },
  spec: {},
  status: phase ? { phase } : {},
});
const filter = (query: string) => read("ns", new URLSearchParams(query));

describe("a filter", () => {
  test("survives the address", () => {
    const query = "name=a&phase=Failed&phase=Error&label=k%3Dv&template=t&since=2026-01-01&until=2026-02-01";
    const { namespace: _, ...rest } = filter(query);
    expect(write(new URLSearchParams("sort=name"), rest).toString()).toBe(`sort=name&${query}`);
  });

  test("that says nothing is empty, and phases nobody has are dropped", () => {
    expect(isEmpty(filter("phase=Nonsense&sort=age"))).toBe(true);
  });

  test("takes a workflow without a phase for a pending one", () => {
    expect(matches(filter("phase=Pending"), workflow("a", ""))).toBe(true);
    expect(matches(filter("phase=Pending"), workflow("a", "Running"))).toBe(false);
  });

  test("leaves pending workflows to the page, since no label tells them", () => {
    expect(source(filter("phase=Pending&phase=Running")).options.labelSelector).toBe("");
    expect(source(filter("phase=Failed&label=a%3Db")).options.labelSelector).toBe(
      "a=b,workflows.argoproj.io/phase in (Failed)",
    );
  });

  test("compares labels, their absence and their presence", () => {
    expect(hasLabel({ a: "b" }, "a=b")).toBe(true);
    expect(hasLabel({ a: "b" }, "a!=b")).toBe(false);
    expect(hasLabel({}, "a!=b")).toBe(true);
    expect(hasLabel({ a: "" }, "a")).toBe(true);
  });

  test("refuses what is no label", () => {
    expect(checkLabel("team=blue")).toBe("");
    expect(checkLabel("a b")).toContain("no label");
  });
});
