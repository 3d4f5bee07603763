import { expect, test } from "vitest";
import type { NodeStatus, Phase } from "../../../api/types";
import { NOTHING_OPENED } from "./model";
import { type Asked, Pictures, told } from "./picture";

const node = (id: string, phase: Phase, ...children: string[]): NodeStatus => ({
  id,
  name: id,
  displayName: id,
  type: "Pod",
  phase,
  children,
});
const asked = (more: Partial<Asked>): Asked => ({
  changed: [],
  removed: [],
  opened: NOTHING_OPENED,
  direction: "LR",
  ...more,
});

test("the first picture is whole, and later ones have what has changed", () => {
  const pictures = new Pictures();
  const first = pictures.answer(asked({ changed: [node("a", "Running", "b"), node("b", "Pending")] }));
  expect(first.drawing?.vertices.map(({ id, phase }) => [id, phase])).toEqual([
    ["a", "Running"],
    ["b", "Pending"],
  ]);
  expect(Object.keys(first.arrangement?.places ?? {})).toEqual(["a", "b"]);
  const second = pictures.answer(asked({ changed: [node("a", "Succeeded", "b")] }));
  expect(second.drawing?.vertices.map(({ phase }) => phase)).toEqual(["Succeeded", "Pending"]);
  expect(second.arrangement, "nothing stands elsewhere").toBeUndefined();
  const third = pictures.answer(asked({ removed: ["b"], direction: "TB" }));
  expect(Object.keys(third.arrangement?.places ?? {})).toEqual(["a"]);
});

test("what nobody sees is no new picture", () => {
  const pictures = new Pictures();
  pictures.answer(asked({ changed: [node("a", "Running")] }));
  expect(pictures.answer(asked({ changed: [{ ...node("a", "Running"), podIP: "10.0.0.1" }] }))).toEqual({});
});

test("nodes that are the same objects are not told again", () => {
  const [a, b, c] = [node("a", "Running"), node("b", "Pending"), node("c", "Pending")];
  const other = node("b", "Running");
  expect(told({ a, b }, { a, b: other, c })).toEqual({ changed: [other, c], removed: [] });
  expect(told({ a, b }, { b })).toEqual({ changed: [], removed: ["a"] });
});
