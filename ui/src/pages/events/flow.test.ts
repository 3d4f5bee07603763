import { expect, test } from "vitest";
import { eventsOf, flowOf } from "./flow";

const SOURCE = {
  metadata: { name: "hooks" },
  spec: { service: { ports: [] }, template: {}, webhook: { push: { port: "1" }, idle: {} }, calendar: { daily: {} } },
};
const SENSOR = {
  metadata: { name: "builder" },
  spec: {
    dependencies: [
      { name: "pushed", eventSourceName: "hooks", eventName: "push" },
      { name: "lost", eventSourceName: "nobody", eventName: "x" },
    ],
    triggers: [
      { template: { name: "build", argoWorkflow: {} } },
      { template: { name: "both", conditions: "pushed && lost", http: {} } },
      { template: { name: "only-lost", conditions: "lost", log: {} } },
    ],
  },
};

test("settings of a source are no events", () => {
  expect(eventsOf(SOURCE)).toEqual([
    ["webhook", "push"],
    ["webhook", "idle"],
    ["calendar", "daily"],
  ]);
  expect(eventsOf({ metadata: { name: "bare" } })).toEqual([]);
});

test("an event leads to the sensors that wait for it and to what they start", () => {
  const steps = flowOf([SOURCE], [SENSOR]);
  expect(steps.map(({ source, event, sensor }) => [source, event, sensor])).toEqual([
    ["hooks", "daily", ""],
    ["hooks", "idle", ""],
    ["hooks", "push", "builder"],
    ["nobody", "x", "builder"],
  ]);
  expect(steps[2]).toMatchObject({
    kind: "webhook",
    triggers: ["build (argoWorkflow)", "both (http)"],
    isMissing: false,
  });
  expect(steps[3]).toMatchObject({
    triggers: ["build (argoWorkflow)", "both (http)", "only-lost (log)"],
    isMissing: true,
  });
});
