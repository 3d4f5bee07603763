/** What the cluster tells about an object, as it happens. */
import { useEffect, useState } from "react";
import { Refused } from "../../api/request";
import { messages } from "../../api/stream";
import { Failure } from "../../parts/Empty";
import { at, local, span, useNow } from "../../parts/time";

interface ClusterEvent {
  metadata: { uid?: string; name: string; creationTimestamp?: string };
  type?: string;
  reason?: string;
  message?: string;
  count?: number;
  lastTimestamp?: string | null;
  eventTime?: string | null;
}

const timeOf = (event: ClusterEvent) => event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp;

export function Events({ namespace, selector }: { namespace: string; selector: string }) {
  const [events, setEvents] = useState<ReadonlyMap<string, ClusterEvent>>(new Map());
  const [failure, setFailure] = useState<Refused>();
  const now = useNow();
  useEffect(() => {
    const ended = new AbortController();
    setEvents(new Map());
    setFailure(undefined);
    const read = async () => {
      const path = `api/v1/stream/events/${namespace}`;
      const query = { "listOptions.fieldSelector": selector };
      for await (const event of messages<ClusterEvent>(path, query, ended.signal)) {
        setEvents((old) => new Map(old).set(event.metadata.uid ?? event.metadata.name, event));
      }
    };
    read().catch((e: unknown) => {
      if (!ended.signal.aborted) setFailure(e instanceof Refused ? e : new Refused(0, String(e)));
    });
    return () => ended.abort();
  }, [namespace, selector]);
  const rows = [...events.values()].sort((a, b) => (at(timeOf(b)) || 0) - (at(timeOf(a)) || 0));
  return (
    <section aria-label="Events">
      {failure && <Failure failure={failure} what="No events:" />}
      {!failure && rows.length === 0 && (
        <p className="quiet">The cluster has no events of it. It forgets them after an hour.</p>
      )}
      {rows.length > 0 && (
        <table>
          <thead>
            <tr>
              <th>Age</th>
              <th>Reason</th>
              <th>Message</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((event) => (
              <tr key={event.metadata.uid ?? event.metadata.name}>
                <td title={local(timeOf(event))}>{span(now - (at(timeOf(event)) || now))}</td>
                <td className={event.type === "Warning" ? "phase-failed" : ""}>
                  {event.reason}
                  {(event.count ?? 1) > 1 && ` ×${event.count}`}
                </td>
                <td>{event.message}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
