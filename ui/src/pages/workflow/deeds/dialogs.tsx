/** The questions before something is done to a workflow. */
import { useState } from "react";
import { useNavigate } from "react-router";
import type { NodeStatus, Parameter, Workflow } from "../../../api/types";
import { act, archiving, remove } from "../../../api/workflows";
import { Button } from "../../../parts/Button";
import { Dialog } from "../../../parts/Dialog";
import { changed, givenAll, ParameterFields } from "../../../parts/ParameterFields";
import { PhaseMark } from "../../../parts/PhaseMark";
import { useDoing } from "../../../parts/useDoing";
import { labelOf, nodesOf } from "../nodes";
import { rerun } from "./rerun";
import { resumeWith, wanted } from "./supplied";

interface Props {
  workflow: Workflow;
  onClose: () => void;
}

function End({
  word,
  isBusy,
  isHarsh = false,
  onClose,
  onSure,
}: {
  word: string;
  isBusy: boolean;
  isHarsh?: boolean;
  onClose: () => void;
  onSure: () => void;
}) {
  return (
    <div className="dialog-end">
      <Button onClick={onClose}>Cancel</Button>
      <Button kind={isHarsh ? "danger" : "main"} disabled={isBusy} onClick={onSure}>
        {word}
      </Button>
    </div>
  );
}

const ARCHIVE: Record<string, string> = {
  Persisted: "It is deleted from the archive.",
  Archived: "It is deleted from the cluster and from the archive.",
};

const HARSH = {
  stop: { word: "Stop", about: "What runs is ended, nothing new begins; exit handlers still run." },
  terminate: { word: "Terminate", about: "What runs is ended at once, without exit handlers." },
  delete: { word: "Delete", about: "" },
};

export function HarshDialog({ workflow, deed, onClose }: Props & { deed: keyof typeof HARSH }) {
  const [isBusy, go] = useDoing();
  const navigate = useNavigate();
  const { metadata } = workflow;
  const { word, about } = HARSH[deed];
  const sure = async () => {
    const what = () => (deed === "delete" ? remove(workflow) : act(deed, metadata));
    const isDone = await go(what, `${word}: ${metadata.name}`);
    if (!isDone) return;
    onClose();
    if (deed === "delete") navigate(`/workflows/${metadata.namespace}`);
  };
  return (
    <Dialog title={`${word} ${metadata.name}?`} onClose={onClose}>
      <p>{about || (ARCHIVE[archiving(metadata)] ?? "It is deleted from the cluster, with its pods.")}</p>
      <End word={word} isBusy={isBusy} isHarsh onClose={onClose} onSure={() => void sure()} />
    </Dialog>
  );
}

const argumentsOf = ({ spec, status }: Workflow): Parameter[] =>
  spec.arguments?.parameters ?? status?.storedWorkflowTemplateSpec?.arguments?.parameters ?? [];

export function RetryDialog({ workflow, from, onClose }: Props & { from?: NodeStatus }) {
  const [isBusy, go] = useDoing();
  const parameters = argumentsOf(workflow);
  const [values, setValues] = useState(() => givenAll(parameters));
  const { again, after, kept } = rerun(nodesOf(workflow), from?.id);
  const sure = async () => {
    const body = {
      parameters: changed(parameters, values),
      ...(from && { restartSuccessful: true, nodeFieldSelector: `id=${from.id}` }),
    };
    if (await go(() => act("retry", workflow.metadata, body), `${workflow.metadata.name} runs again.`)) onClose();
  };
  return (
    <Dialog title={from ? `Run ${labelOf(from)} again?` : `Retry ${workflow.metadata.name}?`} onClose={onClose}>
      <Preview title="Runs again" nodes={again} />
      <Preview title="Then what comes after" nodes={after} />
      <p className="quiet">
        {kept} {kept === 1 ? "node that went well is" : "nodes that went well are"} kept.
      </p>
      {parameters.length > 0 && (
        <details>
          <summary>Other parameters</summary>
          <ParameterFields parameters={parameters} values={values} onChange={setValues} />
        </details>
      )}
      <End word={from ? "Run again" : "Retry"} isBusy={isBusy} onClose={onClose} onSure={() => void sure()} />
    </Dialog>
  );
}

const MOST = 100;

function Preview({ title, nodes }: { title: string; nodes: NodeStatus[] }) {
  if (!nodes.length) return null;
  return (
    <section>
      <h3>
        {title} ({nodes.length})
      </h3>
      <ul className="rerun" aria-label={title}>
        {nodes.slice(0, MOST).map((node) => (
          <li key={node.id}>
            <PhaseMark phase={node.phase} short /> {labelOf(node)}
          </li>
        ))}
        {nodes.length > MOST && <li>and {nodes.length - MOST} more</li>}
      </ul>
    </section>
  );
}

export function ResubmitDialog({ workflow, onClose }: Props) {
  const [isBusy, go] = useDoing();
  const navigate = useNavigate();
  const parameters = argumentsOf(workflow);
  const [values, setValues] = useState(() => givenAll(parameters));
  const [isMemoized, setMemoized] = useState(false);
  const canMemoize = ["Failed", "Error"].includes(workflow.status?.phase ?? "");
  const sure = async () => {
    let made: Workflow | undefined;
    const body = { parameters: changed(parameters, values), memoized: isMemoized };
    const isDone = await go(async () => {
      made = await act("resubmit", workflow.metadata, body);
    });
    if (!isDone || !made) return;
    onClose();
    navigate(`/workflows/${made.metadata.namespace}/${made.metadata.name}`);
  };
  return (
    <Dialog title={`Submit ${workflow.metadata.name} again?`} onClose={onClose}>
      <ParameterFields parameters={parameters} values={values} onChange={setValues} />
      {canMemoize && (
        <label>
          <input type="checkbox" checked={isMemoized} onChange={(event) => setMemoized(event.target.checked)} /> Keep
          what went well
        </label>
      )}
      <End word="Resubmit" isBusy={isBusy} onClose={onClose} onSure={() => void sure()} />
    </Dialog>
  );
}

/** Lets suspended nodes go on, each with what it wants to be told. */
export function ResumeDialog({ workflow, nodes, onClose }: Props & { nodes: NodeStatus[] }) {
  const [isBusy, go] = useDoing();
  const [values, setValues] = useState(() =>
    Object.fromEntries(nodes.map((node) => [node.id, givenAll(wanted(node))])),
  );
  const sure = async () => {
    const what = async () => {
      for (const node of nodes) await resumeWith(workflow.metadata, node, values[node.id] ?? {});
    };
    if (await go(what, `${workflow.metadata.name} goes on.`)) onClose();
  };
  return (
    <Dialog
      title={`Resume ${nodes.length === 1 && nodes[0] ? labelOf(nodes[0]) : workflow.metadata.name}?`}
      onClose={onClose}
    >
      {nodes.map((node) => (
        <section key={node.id}>
          {nodes.length > 1 && <h3>{labelOf(node)}</h3>}
          <ParameterFields
            parameters={wanted(node)}
            values={values[node.id] ?? {}}
            onChange={(changedValues) => setValues({ ...values, [node.id]: changedValues })}
          />
        </section>
      ))}
      <End word="Resume" isBusy={isBusy} onClose={onClose} onSure={() => void sure()} />
    </Dialog>
  );
}
