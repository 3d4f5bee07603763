/** The workflows that a template or schedule has started, newest first. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import type { Kept, KeptKind } from "../../api/kept";
import { request } from "../../api/request";
import type { List, Workflow } from "../../api/types";
import { Empty, Failure } from "../../parts/Empty";
import { PhaseMark } from "../../parts/PhaseMark";
import { Table } from "../../parts/Table";
import { duration, local, useNow } from "../../parts/time";

const FIELDS = [
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
  "status.phase",
  "status.startedAt",
  "status.finishedAt",
];

export function Started({ kind, one }: { kind: KeptKind; one: Kept }) {
  const now = useNow();
  const { name, namespace = "" } = one.metadata;
  const found = useQuery({
    queryKey: ["started", kind.kind, namespace, name],
    queryFn: ({ signal }) =>
      request<List<Workflow>>("GET", `api/v1/workflows/${namespace}`, {
        query: {
          "listOptions.labelSelector": `${kind.label}=${name}`,
          "listOptions.limit": 50,
          fields: ["metadata", ...FIELDS.map((field) => `items.${field}`)].join(","),
        },
        signal,
      }),
    refetchInterval: 5000,
  });
  if (found.error) return <Failure failure={found.error} what="The workflows cannot be shown." />;
  if (!found.data) return null;
  const shown = found.data.items ?? [];
  if (shown.length === 0) return <Empty title={`This ${kind.one} has started no workflow that is still kept.`} />;
  return (
    <div className="card kept-table">
      <Table columns={["Name", "Phase", "Started", "Duration"]}>
        {shown.map(({ metadata, status }) => (
          <tr key={metadata.uid ?? metadata.name}>
            <td>
              <Link to={`/workflows/${metadata.namespace}/${metadata.name}`}>{metadata.name}</Link>
            </td>
            <td>
              <PhaseMark phase={status?.phase} />
            </td>
            <td>{local(status?.startedAt)}</td>
            <td>{duration(status?.startedAt, status?.finishedAt, now)}</td>
          </tr>
        ))}
      </Table>
    </div>
  );
}
