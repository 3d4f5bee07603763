import { useState } from "react";
import type { NodeStatus, Workflow } from "../../../api/types";
import { isEnded } from "../../../api/workflows";
import { Button } from "../../../parts/Button";
import { ResumeDialog, RetryDialog } from "../deeds/dialogs";
import { isSuspended } from "../deeds/supplied";
import { hasPod } from "../nodes";

/** What can be done to one node. */
export function NodeDeeds({ workflow, node }: { workflow: Workflow; node: NodeStatus }) {
  const [asked, setAsked] = useState<"resume" | "retry">();
  const canRetry = isEnded(workflow) && hasPod(node) && ["Succeeded", "Failed", "Error"].includes(node.phase ?? "");
  const close = () => setAsked(undefined);
  return (
    <div className="panel-deeds">
      {isSuspended(node) && (
        <Button kind="main" onClick={() => setAsked("resume")}>
          Resume this node
        </Button>
      )}
      {canRetry && <Button onClick={() => setAsked("retry")}>Run again from here</Button>}
      {asked === "resume" && <ResumeDialog workflow={workflow} nodes={[node]} onClose={close} />}
      {asked === "retry" && <RetryDialog workflow={workflow} from={node} onClose={close} />}
    </div>
  );
}
