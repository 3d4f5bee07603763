/** One workflow: live, as graph, tree and timeline, with all about each node. What is looked at is in the address. */
import "./workflow.css";
import { useCallback, useEffect, useMemo, useSyncExternalStore } from "react";
import { Link, useParams, useSearchParams } from "react-router";
import { LiveOne } from "../../api/one";
import type { Workflow } from "../../api/types";
import { archiving, isEnded } from "../../api/workflows";
import { Button } from "../../parts/Button";
import { Empty, Failure } from "../../parts/Empty";
import { LiveMark } from "../../parts/LiveMark";
import { Marked } from "../../parts/Marked";
import { OwnLinks } from "../../parts/OwnLinks";
import { PhaseMark } from "../../parts/PhaseMark";
import { duration, local, useNow } from "../../parts/time";
import { useTitle } from "../../parts/title";
import { useSearch } from "../../parts/useSearch";
import { Deeds } from "./deeds/Deeds";
import { Events } from "./Events";
import { Facts } from "./Facts";
import { Graph } from "./graph/Graph";
import { LogView } from "./logs/LogView";
import { nodesOf } from "./nodes";
import { NodePanel } from "./panel/NodePanel";
import { TimelineView } from "./TimelineView";
import { Tree } from "./Tree";
import { YamlView } from "./YamlView";

const TABS = ["graph", "tree", "timeline", "summary", "logs", "events", "yaml"] as const;
type Tab = (typeof TABS)[number];
const WORDS: Record<Tab, string> = {
  graph: "Graph",
  tree: "Tree",
  timeline: "Timeline",
  summary: "Summary",
  logs: "Logs",
  events: "Events",
  yaml: "YAML",
};

export function WorkflowPage() {
  const { namespace = "", name = "" } = useParams();
  const [search] = useSearchParams();
  const uid = search.get("uid") ?? "";
  const live = useMemo(
    () =>
      new LiveOne<Workflow>({
        object: `api/v1/workflows/${namespace}/${name}`,
        watch: `api/v1/workflow-events/${namespace}`,
        name,
        ...(uid && { uid }),
      }),
    [namespace, name, uid],
  );
  const { object: workflow, connection, failure, isGone } = useSyncExternalStore(live.subscribe, live.snapshot);
  useTitle(name);
  if (!workflow) {
    return (
      <div className="page">
        {failure ? <Failure failure={failure} what={`${name} cannot be shown:`} /> : <Empty title="Loading…" />}
      </div>
    );
  }
  return (
    <div className="page workflow">
      <Head workflow={workflow} />
      <div className="row workflow-state">
        <LiveMark connection={connection} />
        {isGone && <strong className="phase-pending">deleted from the cluster</strong>}
        {archiving(workflow.metadata) === "Persisted" && <span className="quiet">from the archive</span>}
        {workflow.status?.message && <span className="workflow-message">{workflow.status.message}</span>}
      </div>
      <Description text={workflow.metadata.annotations?.["workflows.argoproj.io/description"]} />
      {failure && <Failure failure={failure} what="Not up to date:" />}
      <Body workflow={workflow} />
    </div>
  );
}

function Description({ text }: { text: string | undefined }) {
  if (!text) return null;
  return (
    <div className="workflow-description quiet">
      <Marked text={text} />
    </div>
  );
}

function Head({ workflow }: { workflow: Workflow }) {
  const { metadata, status } = workflow;
  const now = useNow();
  const title = metadata.annotations?.["workflows.argoproj.io/title"];
  return (
    <div className="page-head">
      <h1>
        <Link to={`/workflows/${metadata.namespace}`}>{metadata.namespace}</Link> /{" "}
        {title ? (
          <>
            <Marked text={title} line /> ({metadata.name})
          </>
        ) : (
          metadata.name
        )}
      </h1>
      <PhaseMark phase={status?.phase} />
      <span className="quiet" title={local(status?.startedAt)}>
        {duration(status?.startedAt, status?.finishedAt, now)} {status?.progress && `· ${status.progress} done`}
      </span>
      <span className="space" />
      <OwnLinks scope="workflow" known={workflow} />
      <Deeds workflow={workflow} />
    </div>
  );
}

function Body({ workflow }: { workflow: Workflow }) {
  const [search, changeSearch] = useSearch();
  const tab = TABS.find((one) => one === search.get("tab")) ?? "graph";
  const nodes = nodesOf(workflow);
  const selected = search.get("nodeId") ?? undefined;
  const node = selected ? nodes[selected] : undefined;
  const change = useCallback(
    (changed: Record<string, string | undefined>) =>
      changeSearch((search) => {
        for (const [key, value] of Object.entries(changed)) value ? search.set(key, value) : search.delete(key);
        return search;
      }),
    [changeSearch],
  );
  const select = useCallback(
    (id: string | undefined) => change({ nodeId: id, ...(!id && { panel: undefined }) }),
    [change],
  );
  useKeys(change, selected);
  return (
    <>
      <nav className="row workflow-tabs" aria-label="Ways to look at it">
        {TABS.map((one, index) => (
          <Button
            key={one}
            aria-pressed={one === tab}
            title={`Key ${index + 1}`}
            onClick={() => change({ tab: one === "graph" ? undefined : one })}
          >
            {WORDS[one]}
          </Button>
        ))}
      </nav>
      <div className="workflow-body">
        <Look tab={tab} workflow={workflow} selected={selected} onSelect={select} />
        {node && (
          <NodePanel
            workflow={workflow}
            node={node}
            tab={search.get("panel") ?? "summary"}
            onTab={(panel) => change({ panel })}
            onClose={() => select(undefined)}
          />
        )}
      </div>
    </>
  );
}

/** Digits choose a way to look, Escape closes the panel; not while somebody types or answers. */
function useKeys(change: (changed: Record<string, string | undefined>) => void, selected: string | undefined) {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const isElsewhere =
        event.target instanceof HTMLElement && event.target.closest("input, textarea, select, dialog");
      if (isElsewhere || event.metaKey || event.ctrlKey || event.altKey) return;
      const tab = TABS[Number(event.key) - 1];
      if (tab) change({ tab: tab === "graph" ? undefined : tab });
      else if (event.key === "Escape" && selected) change({ nodeId: undefined, panel: undefined });
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [change, selected]);
}

interface LookProps {
  tab: Tab;
  workflow: Workflow;
  selected: string | undefined;
  onSelect: (id: string | undefined) => void;
}

function Look({ tab, workflow, selected, onSelect }: LookProps) {
  const nodes = nodesOf(workflow);
  const { metadata } = workflow;
  const namespace = metadata.namespace ?? "";
  const isEmpty = Object.keys(nodes).length === 0;
  if (isEmpty && (tab === "graph" || tab === "tree" || tab === "timeline")) {
    return <Empty title={isEnded(workflow) ? "It ended before it had any node." : "No node has begun yet."} />;
  }
  switch (tab) {
    case "graph":
      return <Graph nodes={nodes} selected={selected} onSelect={onSelect} />;
    case "tree":
      return <Tree nodes={nodes} selected={selected} onSelect={onSelect} />;
    case "timeline":
      return <TimelineView nodes={nodes} isEnded={isEnded(workflow)} selected={selected} onSelect={onSelect} />;
    case "summary":
      return <Facts workflow={workflow} />;
    case "logs":
      return (
        <LogView
          source={{ namespace, workflow: metadata.name, pod: "", container: "main", follow: !isEnded(workflow) }}
          containers={[]}
          onContainer={() => undefined}
        />
      );
    case "events":
      return (
        <div className="card workflow-scroll">
          <Events
            namespace={namespace}
            selector={`involvedObject.kind=Workflow,involvedObject.name=${metadata.name}`}
          />
        </div>
      );
    case "yaml":
      return <YamlView value={withoutNodes(workflow)} />;
  }
}

/** The object as somebody would write it; each node's own YAML is in its panel. */
function withoutNodes(workflow: Workflow): object {
  const { nodes: _nodes, storedTemplates: _stored, ...status } = workflow.status ?? {};
  const { managedFields: _managed, ...metadata } = workflow.metadata as Workflow["metadata"] & {
    managedFields?: unknown;
  };
  return { ...workflow, metadata, status };
}
