/** Looks through the archive: by name, labels, phase and day, a page at a time. */
import "../kept/kept.css";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { request } from "../../api/request";
import type { List, Workflow } from "../../api/types";
import { Button } from "../../parts/Button";
import { Confirm } from "../../parts/Confirm";
import { deed } from "../../parts/deed";
import { Empty, Failure } from "../../parts/Empty";
import { Labels } from "../../parts/Labels";
import { NamespaceField } from "../../parts/NamespaceField";
import { PhaseMark } from "../../parts/PhaseMark";
import { Table } from "../../parts/Table";
import { duration, local } from "../../parts/time";
import { useTitle } from "../../parts/title";
import { useSearch } from "../../parts/useSearch";
import { asked, PAGE, read, type Search, write } from "./search";

const ARCHIVE = "api/v1/archived-workflows";

export function ArchivePage() {
  const { namespace = "" } = useParams();
  const [query, changeSearch] = useSearch();
  const search = read(query);
  useTitle("Archive");
  const found = useQuery({
    queryKey: ["archive", namespace, asked(namespace, search)],
    queryFn: ({ signal }) => request<List<Workflow>>("GET", ARCHIVE, { query: asked(namespace, search), signal }),
    placeholderData: (before) => before,
  });
  const rows = found.data?.items ?? [];
  const change = (changed: Partial<Search>) =>
    changeSearch((latest) => write(read(latest), changed), changed.from !== undefined);
  return (
    <div className="page">
      <div className="page-head">
        <h1>Archive</h1>
      </div>
      <Fields namespace={namespace} search={search} onChange={change} />
      {found.error && <Failure failure={found.error} what="The archive cannot be searched." />}
      {found.data && rows.length === 0 && <Empty title="No archived workflow fits." />}
      {rows.length > 0 && <Archived rows={rows} />}
      {(search.from > 0 || found.data?.metadata.continue) && (
        <nav className="row" aria-label="Pages of the archive">
          <Button disabled={search.from === 0} onClick={() => change({ from: Math.max(0, search.from - PAGE) })}>
            Newer
          </Button>
          <span className="quiet">
            {search.from + 1} to {search.from + rows.length}
          </span>
          <Button disabled={!found.data?.metadata.continue} onClick={() => change({ from: search.from + PAGE })}>
            Older
          </Button>
        </nav>
      )}
    </div>
  );
}

interface FieldsProps {
  namespace: string;
  search: Search;
  onChange: (changed: Partial<Search>) => void;
}

function Fields({ namespace, search, onChange }: FieldsProps) {
  return (
    <search className="row" aria-label="Search the archive">
      <NamespaceField place="archive" namespace={namespace} />
      <Settled label="Name contains" value={search.name} onChange={(name) => onChange({ name })} />
      <Settled
        label="Labels"
        placeholder="labels: a=b,c!=d"
        value={search.labels}
        onChange={(labels) => onChange({ labels })}
      />
      <select aria-label="Phase" value={search.phase} onChange={(event) => onChange({ phase: event.target.value })}>
        <option value="">any phase</option>
        {["Succeeded", "Failed", "Error"].map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
      <label>
        Started from{" "}
        <input type="date" value={search.since} onChange={(event) => onChange({ since: event.target.value })} />
      </label>
      <label>
        to <input type="date" value={search.until} onChange={(event) => onChange({ until: event.target.value })} />
      </label>
    </search>
  );
}

/** A text that counts when nobody has typed for a moment. */
function Settled({
  label,
  placeholder,
  value,
  onChange,
}: {
  label: string;
  placeholder?: string;
  value: string;
  onChange: (text: string) => void;
}) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text.trim() === value) return;
    const timer = setTimeout(() => onChange(text.trim()), 300);
    return () => clearTimeout(timer);
  });
  return (
    <input
      aria-label={label}
      placeholder={placeholder ?? label.toLowerCase()}
      value={text}
      onChange={(event) => setText(event.target.value)}
    />
  );
}

function Archived({ rows }: { rows: Workflow[] }) {
  return (
    <div className="card kept-table">
      <Table columns={["Name", "Namespace", "Phase", "Started", "Duration", "Labels", "Actions"]}>
        {rows.map((one) => (
          <Row key={one.metadata.uid} one={one} />
        ))}
      </Table>
    </div>
  );
}

function Row({ one: { metadata, status } }: { one: Workflow }) {
  const { name, namespace = "", uid = "", labels } = metadata;
  const [asks, setAsks] = useState(false);
  const navigate = useNavigate();
  const queries = useQueryClient();
  const run = async (action: "retry" | "resubmit") => {
    const made = await deed(
      request<Workflow>("PUT", `${ARCHIVE}/${uid}/${action}`, { body: { namespace, uid } }),
      "Submitted.",
    );
    if (made) navigate(`/workflows/${made.metadata.namespace}/${made.metadata.name}`);
  };
  const destroy = async () => {
    await deed(request("DELETE", `${ARCHIVE}/${uid}`, { query: { namespace } }), `Deleted ${name} from the archive.`);
    await queries.invalidateQueries({ queryKey: ["archive"] });
  };
  const own = Object.fromEntries(
    Object.entries(labels ?? {}).filter(([key]) => !key.startsWith("workflows.argoproj.io/")),
  );
  return (
    <tr>
      <td>
        <Link to={`/workflows/${namespace}/${name}?uid=${uid}`}>{name}</Link>
      </td>
      <td>{namespace}</td>
      <td>
        <PhaseMark phase={status?.phase} />
      </td>
      <td>{local(status?.startedAt)}</td>
      <td>{duration(status?.startedAt, status?.finishedAt, Number.NaN)}</td>
      <td>
        <Labels labels={own} />
      </td>
      <td>
        <span className="row">
          <Button onClick={() => run("resubmit")} aria-label={`Resubmit ${name}`}>
            Resubmit
          </Button>
          {status?.phase !== "Succeeded" && (
            <Button onClick={() => run("retry")} aria-label={`Retry ${name}`}>
              Retry
            </Button>
          )}
          <Button kind="danger" onClick={() => setAsks(true)} aria-label={`Delete ${name}`}>
            Delete
          </Button>
        </span>
        {asks && (
          <Confirm
            title={`Delete ${name} from the archive?`}
            act="Delete from archive"
            onYes={destroy}
            onClose={() => setAsks(false)}
          >
            <p>It cannot be brought back.</p>
          </Confirm>
        )}
      </td>
    </tr>
  );
}
