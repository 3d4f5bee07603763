/** How long workflows took and how they ended, for all or for what started them. */
import "../kept/kept.css";
import "./reports.css";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "react-router";
import { request } from "../../api/request";
import type { List, Workflow } from "../../api/types";
import { Empty, Failure } from "../../parts/Empty";
import { NamespaceField } from "../../parts/NamespaceField";
import { PhaseMark } from "../../parts/PhaseMark";
import { Table } from "../../parts/Table";
import { local, span } from "../../parts/time";
import { useTitle } from "../../parts/title";
import { useSearch } from "../../parts/useSearch";
import { Days, Durations } from "./Charts";
import { daysOf, groupsOf, isBad, quantile, type Run, runsOf } from "./figures";

const MOST = 2000;
const PAGE = 500;
const FIELDS = [
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
  "metadata.labels",
  "status.phase",
  "status.startedAt",
  "status.finishedAt",
];

/** The newest workflows that have ended, live and archived. */
async function ended(namespace: string, signal: AbortSignal): Promise<Workflow[]> {
  const found: Workflow[] = [];
  let from = "";
  do {
    const list = await request<List<Workflow>>("GET", `api/v1/workflows/${namespace}`, {
      query: {
        "listOptions.labelSelector": "workflows.argoproj.io/completed=true",
        "listOptions.limit": PAGE,
        "listOptions.continue": from,
        fields: ["metadata", ...FIELDS.map((one) => `items.${one}`)].join(","),
      },
      signal,
    });
    found.push(...(list.items ?? []));
    from = list.metadata.continue ?? "";
  } while (from && found.length < MOST);
  return found;
}

export function ReportsPage() {
  const { namespace = "" } = useParams();
  const [query, change] = useSearch();
  const group = query.get("of") ?? "";
  useTitle("Reports");
  const found = useQuery({ queryKey: ["ended", namespace], queryFn: ({ signal }) => ended(namespace, signal) });
  const groups = groupsOf(found.data ?? []);
  const runs = runsOf(found.data ?? [], group);
  return (
    <div className="page">
      <div className="page-head">
        <h1>Reports</h1>
      </div>
      <div className="row">
        <NamespaceField place="reports" namespace={namespace} />
        <select
          aria-label="Started by"
          value={group}
          onChange={(event) => change(() => new URLSearchParams(event.target.value ? { of: event.target.value } : {}))}
        >
          <option value="">all workflows</option>
          {group && !groups.some(({ key }) => key === group) && <option value={group}>{group.split("=")[1]}</option>}
          {groups.map(({ key, title, count }) => (
            <option key={key} value={key}>{`${title} (${count})`}</option>
          ))}
        </select>
      </div>
      {found.error && <Failure failure={found.error} what="The workflows cannot be read." />}
      {found.data && runs.length === 0 && <Empty title="No workflow has ended here." />}
      {runs.length > 0 && <Report runs={runs} isCut={(found.data?.length ?? 0) >= MOST} />}
    </div>
  );
}

function Report({ runs, isCut }: { runs: Run[]; isCut: boolean }) {
  const took = runs.map((run) => run.took);
  const bad = runs.filter(isBad).length;
  return (
    <>
      <dl className="report-figures">
        <Figure title="Workflows" value={`${runs.length}${isCut ? " (the newest)" : ""}`} />
        <Figure title="Failed" value={`${bad} (${Math.round((100 * bad) / runs.length)}%)`} />
        <Figure title="Median duration" value={span(quantile(took, 0.5))} />
        <Figure title="95% took at most" value={span(quantile(took, 0.95))} />
      </dl>
      <section className="card kept-card" aria-label="Durations">
        <h2>Durations</h2>
        <Durations runs={runs.slice(-400)} />
      </section>
      <section className="card kept-card" aria-label="Ends by day">
        <h2>Ends by day</h2>
        <Days days={daysOf(runs).slice(-120)} />
      </section>
      <details>
        <summary>The last {Math.min(100, runs.length)} in a table</summary>
        <Runs runs={runs.slice(-100).reverse()} />
      </details>
    </>
  );
}

function Figure({ title, value }: { title: string; value: string }) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Runs({ runs }: { runs: Run[] }) {
  return (
    <div className="card kept-table">
      <Table columns={["Name", "Phase", "Duration", "Finished"]}>
        {runs.map(({ name, namespace, phase, took, end }) => (
          <tr key={`${namespace}/${name}/${end}`}>
            <td>
              <Link to={`/workflows/${namespace}/${name}`}>{name}</Link>
            </td>
            <td>
              <PhaseMark phase={phase} />
            </td>
            <td>{span(took)}</td>
            <td>{local(new Date(end).toISOString())}</td>
          </tr>
        ))}
      </Table>
    </div>
  );
}
