import { useEffect, useRef, useState } from "react";
import { Refused } from "../../../api/request";
import { messages } from "../../../api/stream";
import { KEPT, type Line } from "./lines";

export interface LogSource {
  namespace: string;
  workflow: string;
  /** Empty for all pods. */
  pod: string;
  container: string;
  follow: boolean;
}

export interface Logs {
  lines: readonly Line[];
  isRunning: boolean;
  /** How many lines were let go. */
  dropped: number;
  failure?: Refused | undefined;
}

const SHOWN_EVERY = 120;

/** What containers print; as long as the server goes on. */
export function useLogs({ namespace, workflow, pod, container, follow }: LogSource): Logs {
  const [logs, setLogs] = useState<Logs>({ lines: [], isRunning: true, dropped: 0 });
  const lines = useRef<Line[]>([]);
  useEffect(() => {
    const ended = new AbortController();
    lines.current = [];
    let count = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const show = (isRunning: boolean, failure?: Refused) => {
      clearTimeout(timer);
      timer = undefined;
      const dropped = Math.max(0, lines.current.length - KEPT);
      if (dropped) lines.current = lines.current.slice(dropped);
      if (!ended.signal.aborted)
        setLogs({ lines: [...lines.current], isRunning, dropped: count - lines.current.length, failure });
    };
    const read = async () => {
      show(true);
      const query = { podName: pod, "logOptions.container": container, "logOptions.follow": follow };
      const path = `api/v1/workflows/${namespace}/${workflow}/log`;
      try {
        for await (const { content = "", podName = "" } of messages<{ content?: string; podName?: string }>(
          path,
          query,
          ended.signal,
        )) {
          count += 1;
          lines.current.push({ number: count, pod: podName, content });
          timer ??= setTimeout(() => show(true), SHOWN_EVERY);
        }
        show(false);
      } catch (e) {
        if (!ended.signal.aborted) show(false, e instanceof Refused ? e : new Refused(0, String(e)));
      }
    };
    void read();
    return () => {
      clearTimeout(timer);
      ended.abort();
    };
  }, [namespace, workflow, pod, container, follow]);
  return logs;
}
