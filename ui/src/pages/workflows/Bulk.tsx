/** What can be done to the chosen workflows at once; always asked again first. */
import { useState } from "react";
import { keyOf } from "../../api/live";
import type { Workflow } from "../../api/types";
import { ACTIONS, type Action, act, allows, remove } from "../../api/workflows";
import { Button } from "../../parts/Button";
import { Dialog } from "../../parts/Dialog";
import { tell } from "../../parts/tell";

type Deed = Action | "delete";
const DEEDS: Deed[] = [...ACTIONS, "delete"];
const isHarsh = (deed: Deed) => ["stop", "terminate", "delete"].includes(deed);
const AT_ONCE = 6;

export function Bulk({ chosen, onDone }: { chosen: Workflow[]; onDone: () => void }) {
  const [deed, setDeed] = useState<Deed>();
  if (chosen.length === 0) return null;
  const fitting = (one: Deed) => chosen.filter((workflow) => one === "delete" || allows(one, workflow));
  return (
    <div className="bulk card" role="toolbar" aria-label="Chosen workflows">
      <strong>{chosen.length} chosen</strong>
      {DEEDS.map((one) => (
        <Button
          key={one}
          kind={isHarsh(one) ? "danger" : "plain"}
          disabled={fitting(one).length === 0}
          onClick={() => setDeed(one)}
        >
          {capital(one)}
        </Button>
      ))}
      <span className="space" />
      <Button kind="bare" onClick={onDone}>
        Choose none
      </Button>
      {deed && (
        <Question
          deed={deed}
          workflows={fitting(deed)}
          left={chosen.length - fitting(deed).length}
          onClose={() => setDeed(undefined)}
          onSure={(workflows) => {
            setDeed(undefined);
            onDone();
            void doAll(deed, workflows);
          }}
        />
      )}
    </div>
  );
}

interface QuestionProps {
  deed: Deed;
  workflows: Workflow[];
  left: number;
  onClose: () => void;
  onSure: (workflows: Workflow[]) => void;
}

function Question({ deed, workflows, left, onClose, onSure }: QuestionProps) {
  const count = workflows.length === 1 ? "this workflow" : `these ${workflows.length} workflows`;
  return (
    <Dialog title={`${capital(deed)} ${count}?`} onClose={onClose}>
      <ul>
        {workflows.slice(0, 200).map((one) => (
          <li key={keyOf(one)}>{one.metadata.name}</li>
        ))}
      </ul>
      {left > 0 && (
        <p className="quiet">
          {left} of the chosen cannot be {deed === "stop" ? "stopped" : `asked to ${deed}`} as they stand.
        </p>
      )}
      <div className="dialog-end">
        <Button onClick={onClose}>Cancel</Button>
        <Button kind={isHarsh(deed) ? "danger" : "main"} onClick={() => onSure(workflows)}>
          {capital(deed)}
        </Button>
      </div>
    </Dialog>
  );
}

export const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);

/** A few at a time; says how many went well, and each that did not. */
async function doAll(deed: Deed, workflows: Workflow[]): Promise<void> {
  const waiting = [...workflows];
  let done = 0;
  const work = async () => {
    for (let one = waiting.shift(); one; one = waiting.shift()) {
      try {
        await (deed === "delete" ? remove(one) : act(deed, one.metadata));
        done += 1;
      } catch (e) {
        tell(`${one.metadata.name}: ${e instanceof Error ? e.message : e}`, true);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  if (done) tell(`${capital(deed)}: ${done} of ${workflows.length} done.`);
}
