import { useState } from "react";
import { tell } from "./tell";

/** Does one thing at a time, and tells how it went; the answer says whether it went well. */
export function useDoing(): [boolean, (what: () => Promise<unknown>, done?: string) => Promise<boolean>] {
  const [isBusy, setBusy] = useState(false);
  const go = async (what: () => Promise<unknown>, done = "") => {
    setBusy(true);
    try {
      await what();
      if (done) tell(done);
      return true;
    } catch (e) {
      tell(e instanceof Error ? e.message : String(e), true);
      return false;
    } finally {
      setBusy(false);
    }
  };
  return [isBusy, go];
}
