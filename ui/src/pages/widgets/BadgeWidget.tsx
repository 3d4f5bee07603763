/** How a workflow stands, small enough for other pages: `/widgets/workflow-status-badges/NAMESPACE?name=` or `?label=`. */
import "./widgets.css";
import { useParams, useSearchParams } from "react-router";
import { address } from "../../api/request";
import { PhaseMark } from "../../parts/PhaseMark";
import { useTitle } from "../../parts/title";
import { useLatest } from "./useLatest";

export function BadgeWidget() {
  const { namespace = "" } = useParams();
  const [search] = useSearchParams();
  const { data, error } = useLatest(namespace, search);
  useTitle("Status");
  if (error) return <main className="widget">{error.message}</main>;
  if (data === undefined) return <main className="widget" aria-busy="true" />;
  if (data === null) return <main className="widget">No workflow fits.</main>;
  return (
    <main className="widget">
      <h1 className="unseen">Status</h1>
      <a
        className="widget-badge"
        target={search.get("target") ?? "_top"}
        href={address(`workflows/${namespace}/${data.metadata.name}`)}
      >
        {data.metadata.name} <PhaseMark phase={data.status?.phase} />
      </a>
    </main>
  );
}
