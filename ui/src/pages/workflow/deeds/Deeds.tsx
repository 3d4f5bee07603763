/** What can be done to the workflow that is looked at. */
import { useState } from "react";
import type { Workflow } from "../../../api/types";
import { act, allows } from "../../../api/workflows";
import { Button } from "../../../parts/Button";
import { LinkButton } from "../../../parts/LinkButton";
import { useDoing } from "../../../parts/useDoing";
import { nodesOf } from "../nodes";
import { HarshDialog, ResubmitDialog, ResumeDialog, RetryDialog } from "./dialogs";
import { suspended, wanted } from "./supplied";

type Asked = "stop" | "terminate" | "delete" | "retry" | "resubmit" | "resume";

export function Deeds({ workflow }: { workflow: Workflow }) {
  const [asked, setAsked] = useState<Asked>();
  const [isBusy, go] = useDoing();
  const { metadata, spec } = workflow;
  const waiting = suspended(nodesOf(workflow));
  const canResume = allows("resume", workflow) && (spec.suspend || waiting.length > 0);
  const close = () => setAsked(undefined);
  const resume = () => {
    if (waiting.some((node) => wanted(node).length > 0)) setAsked("resume");
    else void go(() => act("resume", metadata), `${metadata.name} goes on.`);
  };
  return (
    <div className="row" role="toolbar" aria-label="What to do with the workflow">
      {canResume && (
        <Button kind="main" disabled={isBusy} onClick={resume}>
          Resume
        </Button>
      )}
      {allows("suspend", workflow) && (
        <Button
          disabled={isBusy}
          onClick={() => void go(() => act("suspend", metadata), `${metadata.name} is suspended.`)}
        >
          Suspend
        </Button>
      )}
      {allows("stop", workflow) && (
        <>
          <Button kind="danger" onClick={() => setAsked("stop")}>
            Stop
          </Button>
          <Button kind="danger" onClick={() => setAsked("terminate")}>
            Terminate
          </Button>
        </>
      )}
      {allows("retry", workflow) && (
        <Button kind="main" onClick={() => setAsked("retry")}>
          Retry
        </Button>
      )}
      <Button onClick={() => setAsked("resubmit")}>Resubmit</Button>
      <LinkButton to={`/create/workflows/${metadata.namespace}?from=workflows/${metadata.namespace}/${metadata.name}`}>
        Edit as new
      </LinkButton>
      <Button kind="danger" onClick={() => setAsked("delete")}>
        Delete
      </Button>
      {(asked === "stop" || asked === "terminate" || asked === "delete") && (
        <HarshDialog workflow={workflow} deed={asked} onClose={close} />
      )}
      {asked === "retry" && <RetryDialog workflow={workflow} onClose={close} />}
      {asked === "resubmit" && <ResubmitDialog workflow={workflow} onClose={close} />}
      {asked === "resume" && <ResumeDialog workflow={workflow} nodes={waiting} onClose={close} />}
    </div>
  );
}
