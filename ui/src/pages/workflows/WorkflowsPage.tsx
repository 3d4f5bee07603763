/** All workflows of a namespace, or of all: live, filtered, sorted, acted on together. */
import { useDeferredValue, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { useParams } from "react-router";
import { type OwnColumn, useInfo } from "../../api/info";
import { keyOf, LiveList } from "../../api/live";
import type { Workflow } from "../../api/types";
import { archiving } from "../../api/workflows";
import { Empty, Failure } from "../../parts/Empty";
import { LinkButton } from "../../parts/LinkButton";
import { LiveMark } from "../../parts/LiveMark";
import { OwnLinks } from "../../parts/OwnLinks";
import { useTitle } from "../../parts/title";
import { useSearch } from "../../parts/useSearch";
import { Bulk } from "./Bulk";
import { Filters } from "./Filters";
import { isEmpty, matches, read, source, write } from "./filter";
import { readOrder, sorted, writeOrder } from "./order";
import { Rows } from "./Rows";

const NONE: OwnColumn[] = [];

/** A workflow that left the cluster for the archive is still listed. */
function staysArchived(gone: Workflow): Workflow | undefined {
  if (archiving(gone.metadata) !== "Archived") return undefined;
  const labels = { ...gone.metadata.labels, "workflows.argoproj.io/workflow-archiving-status": "Persisted" };
  return { ...gone, metadata: { ...gone.metadata, labels } };
}

export function WorkflowsPage() {
  const { namespace = "" } = useParams();
  const [search, changeSearch] = useSearch();
  const filter = useMemo(() => read(namespace, search), [namespace, search]);
  const { columns } = useInfo();
  const order = readOrder(search.get("sort"));
  useTitle(namespace ? `Workflows in ${namespace}` : "Workflows");

  const asked = JSON.stringify(source(useSettled(filter)));
  const live = useMemo(() => new LiveList<Workflow>(JSON.parse(asked), staysArchived), [asked]);
  const shown = useSyncExternalStore(live.subscribe, live.snapshot);
  // while the server answers a new question, what is there already is sifted here
  const before = useRef<readonly Workflow[]>([]);
  if (shown.connection !== "loading") before.current = shown.items;
  const items = useDeferredValue(shown.connection === "loading" ? before.current : shown.items);

  const { by, isDown } = order;
  const rows = useMemo(
    () =>
      sorted(
        items.filter((one) => matches(filter, one)),
        { by, isDown },
        Date.now(),
      ),
    [items, filter, by, isDown],
  );
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const chosenRows = rows.filter((one) => chosen.has(keyOf(one)));

  return (
    <div className="page">
      <div className="page-head">
        <h1>Workflows</h1>
        <LiveMark connection={shown.connection} />
        <span className="quiet" data-testid="count">
          {rows.length}
          {shown.more ? "+" : ""} shown
        </span>
        <span className="space" />
        <OwnLinks scope="workflow-list" known={{ metadata: { namespace } }} />
        <LinkButton kind="main" to={`/create/workflows${namespace ? `/${namespace}` : ""}`}>
          <span>
            New<span className="unseen-on-phones"> workflow</span>
          </span>
        </LinkButton>
      </div>
      <Filters filter={filter} onChange={(changed) => changeSearch((old) => write(old, changed))} />
      {shown.failure && <Failure failure={shown.failure} what="The list is not up to date:" />}
      <Bulk chosen={chosenRows} onDone={() => setChosen(new Set())} />
      {rows.length > 0 ? (
        <Rows
          rows={rows}
          isManyNamespaces={!namespace}
          chosen={chosen}
          onChoose={setChosen}
          order={order}
          own={columns ?? NONE}
          onOrder={(next) =>
            changeSearch((old) => {
              old.set("sort", writeOrder(next));
              return old;
            })
          }
          onEnd={shown.more ? () => void live.loadMore() : undefined}
        />
      ) : (
        <Nothing isLoading={shown.connection === "loading"} isFiltered={!isEmpty(filter)} hasFailed={!!shown.failure} />
      )}
    </div>
  );
}

function Nothing({
  isLoading,
  isFiltered,
  hasFailed,
}: {
  isLoading: boolean;
  isFiltered: boolean;
  hasFailed: boolean;
}) {
  if (isLoading) return <Empty title="Loading…" />;
  if (hasFailed) return null;
  if (isFiltered) return <Empty title="No workflow fits these filters." />;
  return (
    <Empty title="There are no workflows here.">
      <span>
        Submit one: <code>tiphys submit examples/dag-diamond.yaml</code>
      </span>
    </Empty>
  );
}

/** The filter once nobody has typed for a moment: each one is a question to the server. */
function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), 250);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
