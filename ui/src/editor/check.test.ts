import { expect, test } from "vitest";
import { check } from "./check";
import { complete, pathAt } from "./complete";
import type { Schema } from "./schema";

const SCHEMA: Schema = {
  $ref: "#/$defs/Workflow",
  $defs: {
    Workflow: {
      type: "object",
      properties: { kind: { const: "Workflow" }, metadata: { type: "object" }, spec: { $ref: "#/$defs/Spec" } },
      required: ["kind", "spec"],
      additionalProperties: false,
    },
    Spec: {
      type: "object",
      description: "What to run.",
      properties: {
        entrypoint: { type: "string" },
        suspend: { type: "boolean" },
        templates: { type: "array", items: { $ref: "#/$defs/Template" } },
        limit: { anyOf: [{ type: "integer" }, { type: "string" }] },
      },
      additionalProperties: false,
    },
    Template: { type: "object", properties: { name: { type: "string" }, container: {} }, additionalProperties: false },
  },
};

const told = (text: string) => check(text, SCHEMA).problems.map((one) => `${one.line}: ${one.message}`);

test("a good manifest has no problems, and null is as good as absent", () => {
  expect(check("kind: Workflow\nspec:\n  entrypoint: main\n  suspend:\n", SCHEMA)).toEqual({
    value: { kind: "Workflow", spec: { entrypoint: "main" } },
    problems: [],
  });
});

test("an unknown field is told with its line and the nearest known one", () => {
  expect(told("kind: Workflow\nspec:\n  templates:\n  - name: a\n    contaner: {}\n")).toEqual([
    "5: unknown field “contaner”: did you mean “container”?",
  ]);
});

test("a value of a wrong type, a wrong kind and a missing field are told", () => {
  expect(told("kind: Workflow\nspec:\n  suspend: perhaps\n  limit: [1]\n")).toEqual([
    "3: must be true or false",
    "4: must be a whole number or text",
  ]);
  expect(told("kind: Pod\n")).toEqual(["1: “spec” is missing", "1: must be “Workflow”"]);
});

test("what is no YAML, several documents and plain text are told", () => {
  expect(told("kind: [\n")[0]).toMatch(/^2: /);
  expect(told("a: 1\n---\nb: 2\n")).toEqual(["2: Source contains multiple documents: one is expected"]);
  expect(told("hello")).toEqual(["1: this is no object: it has no fields"]);
});

test("the path of a line is told by its indentation", () => {
  const lines = "spec:\n  templates:\n  - name: a\n    steps:\n    - - name: b\n        ".split("\n");
  expect(pathAt(lines, 5, 8)).toEqual(["spec", "templates", 0, "steps", 0, 0]);
  expect(pathAt(lines, 3, 4)).toEqual(["spec", "templates", 0]);
  expect(pathAt(lines, 1, 2)).toEqual(["spec"]);
});

test("fields and values are offered where they may stand", () => {
  const offered = (text: string) => complete(SCHEMA, text, text.length)?.options.map((one) => one.label);
  expect(offered("kind: Workflow\nspec:\n  templates:\n  - na")).toEqual(["name", "container"]);
  expect(offered("spec:\n  suspend: t")).toEqual(["true", "false"]);
  expect(offered("kind: ")).toEqual(["Workflow"]);
  expect(offered("spec:\n  entrypoint: some text")).toBeUndefined();
});
