import { expect, test } from "vitest";
import { fieldsOf, missing, parametersOf, wrongLabels } from "./fields";

const SPEC = {
  arguments: { parameters: [{ name: "a", value: 1 }, { name: "b" }, { name: "c", enum: ["x", "y"], value: "x" }] },
  templates: [
    { name: "main", inputs: { parameters: [{ name: "a" }, { name: "d", value: "{{workflow.name}}" }, { name: "e" }] } },
  ],
};

test("a form has the workflow's parameters and those of the template it begins with, each once", () => {
  expect(fieldsOf(SPEC, "other").map(({ name }) => name)).toEqual(["a", "b", "c"]);
  expect(fieldsOf(SPEC, "main").map(({ name, given }) => [name, given])).toEqual([
    ["a", "1"],
    ["b", undefined],
    ["c", "x"],
    ["d", ""],
    ["e", undefined],
  ]);
});

test("only what differs is sent, and an emptied text is sent too", () => {
  const fields = fieldsOf(SPEC, "main");
  expect(parametersOf(fields, { a: "1", b: "x=y", c: "y" })).toEqual(["b=x=y", "c=y"]);
  expect(parametersOf(fields, { a: "" })).toEqual(["a="]);
});

test("what must be written and is not is known by name", () => {
  expect(missing(fieldsOf(SPEC, "main"), { b: "1" })).toEqual(["e"]);
});

test("labels are name=value", () => {
  expect(wrongLabels("")).toBe("");
  expect(wrongLabels("a=b, x.io/y=z")).toBe("");
  expect(wrongLabels("a")).toMatch("no label");
});
