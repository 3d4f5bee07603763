import { expect, test } from "vitest";
import { addressOf } from "./address";

const KNOWN = {
  metadata: {
    name: "w",
    namespace: "ns",
    labels: { "a.b/c": "x y", a: "short" },
    annotations: { home: "https://here.example/p?q=1", bad: "javascript:alert(1)" },
  },
  status: { startedAt: "2026-01-01T00:00:00Z", finishedAt: null },
  workflow: { metadata: { name: "parent" } },
};
const address = (url: string) => addressOf(url, KNOWN, "http://page.example/base/");

test("what is looked at fills the address", () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what the configuration says
  expect(address("https://logs.example/${metadata.namespace}/${metadata.name}?of=${workflow.metadata.name}")).toBe(
    "https://logs.example/ns/w?of=parent",
  );
  // biome-ignore lint/suspicious/noTemplateCurlyInString: as above
  expect(address("https://l.example/?from=${status.startedAtEpoch}&to=${status.finishedAtEpoch}")).toBe(
    "https://l.example/?from=1767225600000&to=",
  );
});

test("a name with dots is found, and its value is encoded", () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: as above
  expect(address("https://l.example/?q=${metadata.labels.a.b/c}")).toBe("https://l.example/?q=x%20y");
});

test("an address may be a value, and a path is below the page's own", () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: as above
  expect(address("${metadata.annotations.home}")).toBe("https://here.example/p?q=1");
  expect(address("docs")).toBe("http://page.example/base/docs");
});

test("what is no page of the web has no address", () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: as above
  expect(address("${metadata.annotations.bad}")).toBeUndefined();
  expect(address("data:text/html,x")).toBeUndefined();
  // biome-ignore lint/suspicious/noTemplateCurlyInString: as above
  expect(address("${metadata.annotations.none}")).toBeUndefined();
});
