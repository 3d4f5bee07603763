/** The keys that the page knows; `?` shows them. */
import { useEffect, useState } from "react";
import { Dialog } from "../parts/Dialog";
import { PLACES } from "./places";

const KEYS: [string, string][] = [
  ["?", "Show these keys"],
  ["/", "Go to the name filter"],
  ["← →", "The next tab, where tabs are"],
  ["Enter", "Open what is chosen"],
  ["Escape", "Close a question or a list of proposals"],
  ["Ctrl Space", "Propose fields, in the editor"],
  ["Ctrl F", "Search, in the editor"],
];

export function Help() {
  const [isOpen, setOpen] = useState(false);
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const isTyping =
        event.target instanceof HTMLElement && event.target.closest("input, textarea, select, [contenteditable]");
      if (event.key === "?" && !isTyping) setOpen(true);
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
  return (
    <>
      <button type="button" className="frame-theme" aria-label="Keys" title="?" onClick={() => setOpen(true)}>
        ? Keys
      </button>
      {isOpen && (
        <Dialog title="Keys" onClose={() => setOpen(false)}>
          <dl>
            {PLACES.map(({ to, label, key }) => (
              <Line key={to} keys={`g ${key}`} does={label} />
            ))}
            {KEYS.map(([keys, does]) => (
              <Line key={keys} keys={keys} does={does} />
            ))}
          </dl>
        </Dialog>
      )}
    </>
  );
}

function Line({ keys, does }: { keys: string; does: string }) {
  return (
    <>
      <dt>
        <kbd>{keys}</kbd>
      </dt>
      <dd>{does}</dd>
    </>
  );
}
