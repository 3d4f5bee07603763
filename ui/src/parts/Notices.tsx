import "./notices.css";
import { useSyncExternalStore } from "react";
import { current, dismiss, listen } from "./tell";

export function Notices() {
  const notices = useSyncExternalStore(listen, current);
  return (
    <section className="notices" aria-live="polite" aria-label="Messages">
      {notices.map(({ id, text, isFailure }) => (
        <div key={id} className={isFailure ? "notice notice-failure" : "notice"}>
          <span>{text}</span>
          <button type="button" aria-label="Close this message" onClick={() => dismiss(id)}>
            ✕
          </button>
        </div>
      ))}
    </section>
  );
}
