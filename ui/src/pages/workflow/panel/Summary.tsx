import type { NodeStatus, Workflow } from "../../../api/types";
import { type Fact, FactList } from "../../../parts/FactList";
import { PhaseMark } from "../../../parts/PhaseMark";
import { duration, local, span, useNow } from "../../../parts/time";
import { hasPod, podName, reason, resources, templateOf } from "../nodes";
import { containersOf, findTemplate } from "./containers";

export function Summary({ workflow, node }: { workflow: Workflow; node: NodeStatus }) {
  const now = useNow();
  const why = reason(node);
  const facts: Fact[] = [
    ["Name", node.name],
    ["Id", node.id],
    ["Type", node.type],
    ["Template", node.templateRef ? `${node.templateRef.name}/${node.templateRef.template}` : templateOf(node)],
    ["Pod", hasPod(node) ? podName(workflow.metadata, node) : ""],
    ["Machine", node.hostNodeName],
    ["Address", node.podIP],
    ["Started", local(node.startedAt)],
    ["Finished", local(node.finishedAt)],
    ["Duration", duration(node.startedAt, node.finishedAt, now)],
    ["Estimated", node.estimatedDuration ? span(node.estimatedDuration * 1000) : ""],
    ["Progress", node.progress],
    ["Exit code", node.outputs?.exitCode],
    ["Restarts", node.failedPodRestarts ? String(node.failedPodRestarts) : ""],
    [
      "Memo",
      node.memoizationStatus && `${node.memoizationStatus.hit ? "found" : "not found"}: ${node.memoizationStatus.key}`,
    ],
    ["Lock", node.synchronizationStatus?.waiting && `waits for ${node.synchronizationStatus.waiting}`],
    ["Resources", resources(node.resourcesDuration)],
  ];
  return (
    <>
      {why && (
        <div className={`reason reason-${(node.phase || "pending").toLowerCase()}`} data-testid="reason">
          <strong>{node.phase === "Pending" || node.phase === "Running" ? "Why it waits" : "Message"}</strong>
          <p>{why}</p>
        </div>
      )}
      <dl>
        <dt>Phase</dt>
        <dd>
          <PhaseMark phase={node.phase} />
        </dd>
        <FactList facts={facts} />
      </dl>
      {hasPod(node) && <Containers workflow={workflow} node={node} />}
    </>
  );
}

function Containers({ workflow, node }: { workflow: Workflow; node: NodeStatus }) {
  const rows = containersOf(findTemplate(workflow, node));
  if (!rows.length) return null;
  return (
    <section>
      <h3>Containers</h3>
      <table>
        <tbody>
          {rows.map(({ name, image, role }) => (
            <tr key={`${role}/${name}`}>
              <td>{name}</td>
              <td className="mono">{image}</td>
              <td className="quiet">{role}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
