import { expect, test } from "vitest";
import { type Description, grouped, schemasOf } from "./openapi";

const operation = (tag: string, summary: string) => ({ operationId: summary, summary, tags: [tag], responses: {} });
const SAID: Description = {
  info: { title: "T", version: "1" },
  paths: {
    "/a": { get: operation("one", "Reads it."), post: operation("one", "Makes it.") },
    "/b/{name}": { delete: operation("two", "Ends it.") },
  },
  components: {
    schemas: {
      Tree: {
        properties: { left: { $ref: "#/components/schemas/Tree" }, leaf: { $ref: "#/components/schemas/Leaf" } },
      },
      Leaf: { type: "string" },
      Other: {},
    },
  },
};

test("operations stand together by what they are about, and are found by words", () => {
  const words = (text: string) =>
    grouped(SAID, text).map(([tag, all]) => [tag, all.map(({ verb, path }) => `${verb} ${path}`)]);
  expect(words("")).toEqual([
    ["one", ["GET /a", "POST /a"]],
    ["two", ["DELETE /b/{name}"]],
  ]);
  expect(words("post /a")).toEqual([["one", ["POST /a"]]]);
  expect(words("ENDS")).toEqual([["two", ["DELETE /b/{name}"]]]);
  expect(words("nowhere")).toEqual([]);
});

test("a schema brings all that it refers to, once, even where it holds itself", () => {
  expect(Object.keys(schemasOf(SAID, { items: { $ref: "#/components/schemas/Tree" } }))).toEqual(["Tree", "Leaf"]);
  expect(schemasOf(SAID, { type: "object" })).toEqual({});
});
