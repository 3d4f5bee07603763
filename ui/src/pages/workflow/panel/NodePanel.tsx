/** All about one node. */
import "../../../parts/tabs.css";
import "./panel.css";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import type { NodeStatus, Workflow } from "../../../api/types";
import { Button } from "../../../parts/Button";
import { OwnLinks } from "../../../parts/OwnLinks";
import { PhaseMark } from "../../../parts/PhaseMark";
import { Events } from "../Events";
import { LogView } from "../logs/LogView";
import { hasPod, labelOf, podName } from "../nodes";
import { YamlView } from "../YamlView";
import { containersOf, findTemplate } from "./containers";
import { Files } from "./Files";
import { NodeDeeds } from "./NodeDeeds";
import { Summary } from "./Summary";
import { Values } from "./Values";

const TABS = ["summary", "inputs", "outputs", "logs", "events", "yaml"] as const;
type Tab = (typeof TABS)[number];
const WORDS: Record<Tab, string> = {
  summary: "Summary",
  inputs: "Inputs",
  outputs: "Outputs",
  logs: "Logs",
  events: "Events",
  yaml: "YAML",
};

interface Props {
  workflow: Workflow;
  node: NodeStatus;
  tab: string;
  onTab: (tab: string) => void;
  onClose: () => void;
}

export function NodePanel({ workflow, node, tab, onTab, onClose }: Props) {
  const panel = useRef<HTMLElement>(null);
  // on a phone it stands below what was touched
  useEffect(() => {
    if (node.id && matchMedia("(max-width: 900px)").matches) panel.current?.scrollIntoView({ block: "start" });
  }, [node.id]);
  const tabs = TABS.filter((one) => hasPod(node) || one !== "logs");
  const current = tabs.find((one) => one === tab) ?? "summary";
  const press = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(current) + step + tabs.length) % tabs.length];
    if (!next) return;
    document.getElementById(`tab-${next}`)?.focus();
    onTab(next);
  };
  return (
    <aside ref={panel} className="panel card" aria-label={`Node ${labelOf(node)}`}>
      <div className="panel-head">
        <PhaseMark phase={node.phase} short />
        <h2>{labelOf(node)}</h2>
        <span className="space" />
        <Button kind="bare" aria-label="Close the panel" onClick={onClose}>
          ✕
        </Button>
      </div>
      <NodeDeeds workflow={workflow} node={node} />
      {hasPod(node) && (
        <div className="row panel-links">
          <OwnLinks scope="pod" known={podOf(workflow, node)} />
        </div>
      )}
      <div className="tabs" role="tablist" aria-label="About the node" onKeyDown={press}>
        {tabs.map((one) => (
          <button
            key={one}
            type="button"
            role="tab"
            id={`tab-${one}`}
            aria-selected={one === current}
            aria-controls="node-tab"
            tabIndex={one === current ? 0 : -1}
            onClick={() => onTab(one)}
          >
            {WORDS[one]}
          </button>
        ))}
      </div>
      <div
        className="panel-body"
        role="tabpanel"
        id="node-tab"
        aria-labelledby={`tab-${current}`}
        key={`${node.id}/${current}`}
      >
        <Body tab={current} workflow={workflow} node={node} />
      </div>
    </aside>
  );
}

function Body({ tab, workflow, node }: { tab: Tab; workflow: Workflow; node: NodeStatus }) {
  const { metadata } = workflow;
  switch (tab) {
    case "summary":
      return <Summary workflow={workflow} node={node} />;
    case "inputs":
      return (
        <>
          <Values values={node.inputs} what="input" />
          <Files workflow={workflow} node={node} side="inputs" />
        </>
      );
    case "outputs":
      return (
        <>
          <Values values={node.outputs} what="output" />
          <Files workflow={workflow} node={node} side="outputs" />
        </>
      );
    case "logs":
      return <NodeLogs workflow={workflow} node={node} />;
    case "events":
      return (
        <Events
          namespace={metadata.namespace ?? ""}
          selector={
            hasPod(node)
              ? `involvedObject.kind=Pod,involvedObject.name=${podName(metadata, node)}`
              : `involvedObject.kind=Workflow,involvedObject.name=${metadata.name}`
          }
        />
      );
    case "yaml":
      return <YamlView value={node} />;
  }
}

/** What links of pods may name. */
function podOf(workflow: Workflow, node: NodeStatus) {
  const { namespace } = workflow.metadata;
  const { startedAt, finishedAt } = node;
  const metadata = { namespace, name: podName(workflow.metadata, node) };
  return { metadata, workflow, status: { startedAt, finishedAt } };
}

function NodeLogs({ workflow, node }: { workflow: Workflow; node: NodeStatus }) {
  const names = containersOf(findTemplate(workflow, node)).map(({ name }) => name);
  const [container, setContainer] = useState(names[0] ?? "main");
  const { metadata } = workflow;
  const follow = !node.finishedAt;
  return (
    <LogView
      links={<OwnLinks scope="pod-logs" known={podOf(workflow, node)} />}
      source={{
        namespace: metadata.namespace ?? "",
        workflow: metadata.name,
        pod: podName(metadata, node),
        container,
        follow,
      }}
      containers={names}
      onContainer={setContainer}
    />
  );
}
