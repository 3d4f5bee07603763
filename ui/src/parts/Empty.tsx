/** What stands where nothing is: why, and what to do about it. */
import "./empty.css";
import type { ReactNode } from "react";
import type { Refused } from "../api/request";
import { loginAddress } from "../api/session";

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** A failure in the server's words. */
export function Failure({ failure, what }: { failure: Error | Refused; what: string }) {
  const status = "status" in failure ? failure.status : 0;
  return (
    <div className="failure" role="alert">
      <strong>{what}</strong> {failure.message} {status === 401 && <a href={loginAddress()}>Log in</a>}
    </div>
  );
}
