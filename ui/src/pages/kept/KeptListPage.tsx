/** All templates, cluster templates or schedules, with filters. */
import "./kept.css";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "react-router";
import { type Kept, type KeptKind, list, schedulesOf, specOf } from "../../api/kept";
import { Empty, Failure } from "../../parts/Empty";
import { Labels } from "../../parts/Labels";
import { LinkButton } from "../../parts/LinkButton";
import { Marked } from "../../parts/Marked";
import { NamespaceField } from "../../parts/NamespaceField";
import { Table } from "../../parts/Table";
import { span, useNow, at as when } from "../../parts/time";
import { useTitle } from "../../parts/title";
import { useSearch } from "../../parts/useSearch";
import { NextStart } from "../cron/NextStart";

const AGAIN_AFTER = 10_000;
const DESCRIPTION = "workflows.argoproj.io/description";

export function KeptListPage({ kind }: { kind: KeptKind }) {
  const { namespace = "" } = useParams();
  useTitle(kind.many);
  const [query, change] = useSearch();
  const name = query.get("name") ?? "";
  const labels = query.get("labels") ?? "";
  const found = useQuery({
    queryKey: ["kept", kind.kind, namespace, labels],
    queryFn: ({ signal }) => list(kind, namespace, { labels, name: "" }, signal),
    refetchInterval: AGAIN_AFTER,
  });
  const set = (key: string, value: string) =>
    change((search) => {
      if (value) search.set(key, value);
      else search.delete(key);
      return search;
    });
  const shown = (found.data?.items ?? []).filter((one) => one.metadata.name.includes(name));
  return (
    <div className="page">
      <div className="page-head">
        <h1>{kind.many}</h1>
        <span className="quiet">{found.data ? shown.length : ""}</span>
        <span className="space" />
        <LinkButton kind="main" to={`/create/${kind.place}${kind.namespaced && namespace ? `/${namespace}` : ""}`}>
          New {kind.one}
        </LinkButton>
      </div>
      <div className="row">
        {kind.namespaced && <NamespaceField place={kind.place} namespace={namespace} />}
        <input
          aria-label="Name"
          placeholder="name"
          value={name}
          onChange={(event) => set("name", event.target.value)}
        />
        <input
          aria-label="Labels"
          placeholder="labels: a=b,c!=d"
          value={labels}
          onChange={(event) => set("labels", event.target.value)}
        />
      </div>
      {found.error && <Failure failure={found.error} what={`The ${kind.one}s cannot be shown.`} />}
      {found.data && shown.length === 0 && (
        <Empty title={`There is no ${kind.one} here.`}>
          <Link to={`/create/${kind.place}${namespace ? `/${namespace}` : ""}`}>Write the first one</Link>
        </Empty>
      )}
      {shown.length > 0 && <KeptTable kind={kind} shown={shown} isOneNamespace={namespace !== ""} />}
    </div>
  );
}

function KeptTable({ kind, shown, isOneNamespace }: { kind: KeptKind; shown: Kept[]; isOneNamespace: boolean }) {
  const isCron = kind.kind === "CronWorkflow";
  const hasPlace = kind.namespaced && !isOneNamespace;
  return (
    <div className="card kept-table">
      <Table
        columns={[
          "Name",
          hasPlace && "Namespace",
          isCron && "Schedule",
          isCron && "Next start",
          isCron ? "Last start" : "Templates",
          "Age",
          "Labels",
        ]}
      >
        {shown.map((one) => (
          <Row key={`${one.metadata.namespace}/${one.metadata.name}`} kind={kind} one={one} hasPlace={hasPlace} />
        ))}
      </Table>
    </div>
  );
}

function Row({ kind, one, hasPlace }: { kind: KeptKind; one: Kept; hasPlace: boolean }) {
  const now = useNow();
  const { name, namespace = "", creationTimestamp, annotations, labels } = one.metadata;
  const isCron = kind.kind === "CronWorkflow";
  const last = one.status?.lastScheduledTime;
  const description = annotations?.[DESCRIPTION];
  return (
    <tr>
      <td>
        <Link to={`/${kind.place}${kind.namespaced ? `/${namespace}` : ""}/${name}`}>{name}</Link>
        {description && (
          <div className="quiet kept-description">
            <Marked text={description} />
          </div>
        )}
      </td>
      {hasPlace && <td>{namespace}</td>}
      {isCron && (
        <td className="mono">
          {schedulesOf(one).join(", ")} {one.spec.timezone && <span className="quiet">{one.spec.timezone}</span>}
        </td>
      )}
      {isCron && <td>{one.spec.suspend ? <span className="quiet">suspended</span> : <NextStart one={one} />}</td>}
      <td>{isCron ? (last ? `${span(now - when(last))} ago` : "never") : (specOf(one).templates?.length ?? 0)}</td>
      <td>{creationTimestamp ? span(now - when(creationTimestamp)) : ""}</td>
      <td>
        <Labels labels={labels} />
      </td>
    </tr>
  );
}
