import { expect, test } from "vitest";
import { asked, read, write } from "./search";

test("a search is the same after it went through the address", () => {
  const search = { name: "a", labels: "b=c", phase: "Failed", since: "2026-01-02", until: "2026-01-03", from: 50 };
  expect(read(write(search, { from: 50 }))).toEqual(search);
  expect(read(new URLSearchParams("from=x"))).toMatchObject({ name: "", from: 0 });
});

test("whoever looks for something else begins at the first page", () => {
  const search = { name: "", labels: "", phase: "", since: "", until: "", from: 100 };
  expect(read(write(search, { name: "x" })).from).toBe(0);
  expect(read(write(search, { from: 150 })).from).toBe(150);
});

test("the server is asked with selectors, and both days are whole", () => {
  const search = { name: "a", labels: "b=c", phase: "Failed", since: "2026-01-02", until: "2026-01-02", from: 0 };
  const query = asked("ns", search);
  expect(query).toMatchObject({
    namespace: "ns",
    nameFilter: "Contains",
    "listOptions.labelSelector": "b=c,workflows.argoproj.io/phase=Failed",
  });
  const [, since, until] = String(query["listOptions.fieldSelector"]).split(",");
  const hours = (Date.parse(until?.split("<")[1] ?? "") - Date.parse(since?.split(">")[1] ?? "")) / 3_600_000;
  expect(hours).toBe(24);
});
