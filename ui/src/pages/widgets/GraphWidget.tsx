/** The graph of a workflow for other pages: `/widgets/workflow-graphs/NAMESPACE?name=` or `?label=`. */
import "./widgets.css";
import { useMemo, useSyncExternalStore } from "react";
import { useParams, useSearchParams } from "react-router";
import { LiveOne } from "../../api/one";
import { address } from "../../api/request";
import type { Workflow } from "../../api/types";
import { useTitle } from "../../parts/title";
import { Graph } from "../workflow/graph/Graph";
import { nodesOf } from "../workflow/nodes";
import { useLatest } from "./useLatest";

export function GraphWidget() {
  const { namespace = "" } = useParams();
  const [search] = useSearchParams();
  const { data, error } = useLatest(namespace, search);
  useTitle("Graph");
  const name = data?.metadata.name;
  return (
    <main className={`widget ${search.get("showOptions") === "true" ? "" : "widget-bare"}`}>
      <h1 className="unseen">Graph</h1>
      {error?.message}
      {data === null && "No workflow fits."}
      {name && <Followed key={name} namespace={namespace} name={name} target={search.get("target") ?? "_top"} />}
    </main>
  );
}

function Followed({ namespace, name, target }: { namespace: string; name: string; target: string }) {
  const live = useMemo(() => {
    const [object, watch] = [`api/v1/workflows/${namespace}/${name}`, `api/v1/workflow-events/${namespace}`];
    return new LiveOne<Workflow>({ object, watch, name });
  }, [namespace, name]);
  const { object } = useSyncExternalStore(live.subscribe, live.snapshot);
  const nodes = useMemo(() => (object ? nodesOf(object) : {}), [object]);
  if (!object) return null;
  const open = (id: string | undefined) => {
    if (id) window.open(address(`workflows/${namespace}/${name}`, { nodeId: id }), target);
  };
  return <Graph nodes={nodes} selected={undefined} onSelect={open} />;
}
