/** What leads from an event to what it starts, as event sources and sensors of Argo Events say. Pure. */
import type { Stored } from "../../api/types";

export interface EventSource extends Stored {
  /** A kind of source each, which holds its events by name; beside settings of the pods. */
  spec?: { [kind: string]: unknown };
}

export interface Sensor extends Stored {
  spec?: {
    dependencies?: { name?: string; eventSourceName?: string; eventName?: string }[];
    triggers?: { template?: { name?: string; conditions?: string; [kind: string]: unknown } }[];
  };
}

export interface Step {
  source: string;
  /** `webhook`, `calendar`, ...; empty where no source says. */
  kind: string;
  event: string;
  sensor: string;
  triggers: string[];
  /** Whether a sensor waits for an event that no source sends. */
  isMissing: boolean;
}

const SETTINGS = new Set(["template", "service", "replicas", "eventBusName"]);

/** Kind and name of each event. */
export function eventsOf({ spec = {} }: EventSource): [kind: string, event: string][] {
  return Object.entries(spec)
    .filter(([kind, held]) => !SETTINGS.has(kind) && held !== null && typeof held === "object" && !Array.isArray(held))
    .flatMap(([kind, held]) => Object.keys(held as object).map((event): [string, string] => [kind, event]));
}

const SHARED = new Set(["name", "conditions", "conditionsReset"]);

/** `name (k8s)`; those with conditions only where they name the dependency. */
function triggersOf({ spec = {} }: Sensor, dependency: string): string[] {
  return (spec.triggers ?? []).flatMap(({ template = {} }) => {
    const conditions = template.conditions ?? "";
    if (conditions && !conditions.split(/[^\w-]+/).includes(dependency)) return [];
    const kind = Object.keys(template).find((one) => !SHARED.has(one)) ?? "";
    return [`${template.name ?? ""}${kind && ` (${kind})`}`];
  });
}

/** One for each event and each sensor that waits for it; an event for which nobody waits has no sensor. */
export function flowOf(sources: EventSource[], sensors: Sensor[]): Step[] {
  const steps: Step[] = [];
  const kinds = new Map<string, string>();
  for (const source of sources)
    for (const [kind, event] of eventsOf(source)) kinds.set(JSON.stringify([source.metadata.name, event]), kind);
  const waited = new Set<string>();
  for (const sensor of sensors) {
    for (const { name = "", eventSourceName = "", eventName = "" } of sensor.spec?.dependencies ?? []) {
      const key = JSON.stringify([eventSourceName, eventName]);
      waited.add(key);
      steps.push({
        source: eventSourceName,
        kind: kinds.get(key) ?? "",
        event: eventName,
        sensor: sensor.metadata.name,
        triggers: triggersOf(sensor, name),
        isMissing: !kinds.has(key),
      });
    }
  }
  for (const [key, kind] of kinds) {
    if (waited.has(key)) continue;
    const [source, event] = JSON.parse(key) as [string, string];
    steps.push({ source, kind, event, sensor: "", triggers: [], isMissing: false });
  }
  return steps.sort((a, b) => a.source.localeCompare(b.source) || a.event.localeCompare(b.event));
}
