/** Asks before something is done that cannot be undone. */
import { type ReactNode, useState } from "react";
import { Button } from "./Button";
import { Dialog } from "./Dialog";

export interface Question {
  title: string;
  /** What the button says. */
  act: string;
  children?: ReactNode;
  onYes: () => Promise<unknown>;
}

export function Confirm({ title, act, children, onYes, onClose }: Question & { onClose: () => void }) {
  const [busy, setBusy] = useState(false);
  const yes = async () => {
    setBusy(true);
    await onYes().finally(onClose);
  };
  return (
    <Dialog title={title} onClose={onClose}>
      {children}
      <div className="dialog-end">
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="danger" disabled={busy} onClick={yes}>
          {act}
        </Button>
      </div>
    </Dialog>
  );
}
