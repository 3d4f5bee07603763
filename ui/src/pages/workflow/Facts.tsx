/** The workflow itself: what it was given, what it gave, what it is labelled with. */
import { Link } from "react-router";
import type { Workflow } from "../../api/types";
import { type Fact, FactList } from "../../parts/FactList";
import { local } from "../../parts/time";
import { resources } from "./nodes";
import { Values } from "./panel/Values";

const LABEL = "workflows.argoproj.io";

export function Facts({ workflow }: { workflow: Workflow }) {
  const { metadata, spec, status } = workflow;
  const labels = metadata.labels ?? {};
  const link = (label: string, to: string) =>
    labels[`${LABEL}/${label}`] && <Link to={to}>{labels[`${LABEL}/${label}`]}</Link>;
  const facts: Fact[] = [
    ["About", metadata.annotations?.[`${LABEL}/description`]],
    ["Entrypoint", spec.entrypoint ?? status?.storedWorkflowTemplateSpec?.entrypoint],
    ["Template", link("workflow-template", `/templates/${metadata.namespace}/${labels[`${LABEL}/workflow-template`]}`)],
    [
      "Cluster template",
      link("cluster-workflow-template", `/cluster-templates/${labels[`${LABEL}/cluster-workflow-template`]}`),
    ],
    ["Schedule", link("cron-workflow", `/cron/${metadata.namespace}/${labels[`${LABEL}/cron-workflow`]}`)],
    [
      "Submitted again from",
      link(
        "resubmitted-from-workflow",
        `/workflows/${metadata.namespace}/${labels[`${LABEL}/resubmitted-from-workflow`]}`,
      ),
    ],
    ["Creator", labels[`${LABEL}/creator-preferred-username`] ?? labels[`${LABEL}/creator`]],
    ["Created", local(metadata.creationTimestamp)],
    ["Started", local(status?.startedAt)],
    ["Finished", local(status?.finishedAt)],
    ["UID", metadata.uid],
    ["Resources", resources(status?.resourcesDuration)],
  ];
  return (
    <div className="card workflow-scroll facts">
      <dl>
        <FactList facts={facts} />
      </dl>
      <h2>Arguments</h2>
      <Values values={spec.arguments ?? status?.storedWorkflowTemplateSpec?.arguments} what="input" />
      <h2>Outputs</h2>
      <Values values={status?.outputs} what="output" />
      <h2>Conditions</h2>
      <ul>
        {(status?.conditions ?? []).map(({ type, status: is, message }) => (
          <li key={type}>
            {type}: {is} {message}
          </li>
        ))}
      </ul>
      <h2>Labels</h2>
      <ul>
        {Object.entries(labels).map(([name, value]) => (
          <li key={name} className="mono">
            <Link to={`/workflows/${metadata.namespace}?label=${encodeURIComponent(`${name}=${value}`)}`}>
              {name}={value}
            </Link>
          </li>
        ))}
      </ul>
    </div>
  );
}
