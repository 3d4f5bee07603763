/** What starts workflows from outside: bindings, and the event sources and sensors of Argo Events. */
import "../kept/kept.css";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link, useParams } from "react-router";
import { useInfo } from "../../api/info";
import { Refused, request } from "../../api/request";
import type { List, Stored } from "../../api/types";
import { Empty, Failure } from "../../parts/Empty";
import { NamespaceField } from "../../parts/NamespaceField";
import { OwnLinks } from "../../parts/OwnLinks";
import { Table } from "../../parts/Table";
import { type Tab, Tabs } from "../../parts/Tabs";
import { useTitle } from "../../parts/title";
import { YamlView } from "../workflow/YamlView";
import "../workflow/workflow.css";
import { type EventSource, eventsOf, flowOf, type Sensor } from "./flow";

const AGAIN_AFTER = 10_000;

interface Binding extends Stored {
  spec?: {
    event?: { selector?: string };
    submit?: { workflowTemplateRef?: { name?: string; clusterScope?: boolean } };
  };
}

export function EventsPage() {
  const { managedNamespace = "" } = useInfo();
  const { namespace = managedNamespace } = useParams();
  useTitle("Events");
  const tabs: Tab[] = [
    { name: "flow", label: "Flow", show: () => <Flow namespace={namespace} /> },
    { name: "sources", label: "Event sources", show: () => <Sources namespace={namespace} /> },
    { name: "sensors", label: "Sensors", show: () => <Sensors namespace={namespace} /> },
    { name: "bindings", label: "Bindings", show: () => <Bindings namespace={namespace} /> },
  ];
  return (
    <div className="page">
      <div className="page-head">
        <h1>Events</h1>
      </div>
      <div className="row">
        <NamespaceField place="events" namespace={namespace} />
      </div>
      {namespace ? (
        <Tabs key={namespace} tabs={tabs} label="What starts workflows" />
      ) : (
        <Empty title="Name the namespace whose events are to be shown." />
      )}
    </div>
  );
}

function useListed<T>(place: string, namespace: string) {
  return useQuery({
    queryKey: ["events", place, namespace],
    queryFn: ({ signal }) => request<List<T>>("GET", `api/v1/${place}/${namespace}`, { signal }),
    refetchInterval: (query) => (query.state.error ? false : AGAIN_AFTER),
  });
}

/** Where Argo Events is not installed, that is no failure. */
function Why({ failure }: { failure: Error }) {
  if (failure instanceof Refused && failure.status === 501) return <Empty title={failure.message} />;
  return <Failure failure={failure} what="This cannot be shown:" />;
}

function Flow({ namespace }: { namespace: string }) {
  const sources = useListed<EventSource>("event-sources", namespace);
  const sensors = useListed<Sensor>("sensors", namespace);
  const failure = sources.error ?? sensors.error;
  if (failure) return <Why failure={failure} />;
  if (!sources.data || !sensors.data) return null;
  const steps = flowOf(sources.data.items ?? [], sensors.data.items ?? []);
  if (steps.length === 0) return <Empty title="No event source sends anything here." />;
  return (
    <div className="card kept-table">
      <Table columns={["Event source", "Event", "Sensor", "Starts"]}>
        {steps.map(({ source, kind, event, sensor, triggers, isMissing }) => (
          <tr key={`${source} ${event} ${sensor}`}>
            <td>{source}</td>
            <td>
              {event} <span className="quiet">{isMissing ? "no source sends it" : kind}</span>
            </td>
            <td>{sensor || <span className="quiet">nobody waits for it</span>}</td>
            <td>{triggers.join(", ")}</td>
          </tr>
        ))}
      </Table>
    </div>
  );
}

function Sources({ namespace }: { namespace: string }) {
  const found = useListed<EventSource>("event-sources", namespace);
  return (
    <Listed
      found={found}
      none="There is no event source here."
      scope="event-source-logs"
      title="Events"
      cell={(one) =>
        eventsOf(one)
          .map(([kind, event]) => `${event} (${kind})`)
          .join(", ")
      }
    />
  );
}

function Sensors({ namespace }: { namespace: string }) {
  const found = useListed<Sensor>("sensors", namespace);
  return (
    <Listed
      found={found}
      none="There is no sensor here."
      scope="sensor-logs"
      title="Starts"
      cell={(one) => one.spec?.triggers?.map(({ template }) => template?.name).join(", ")}
    />
  );
}

function Bindings({ namespace }: { namespace: string }) {
  const found = useListed<Binding>("workflow-event-bindings", namespace);
  return (
    <Listed
      found={found}
      none="There is no event binding here."
      title="Starts"
      cell={({ spec, metadata }) => {
        const { name, clusterScope } = spec?.submit?.workflowTemplateRef ?? {};
        const place = clusterScope ? `/cluster-templates/${name}` : `/templates/${metadata.namespace}/${name}`;
        return (
          <>
            {name ? <Link to={place}>{name}</Link> : <span className="quiet">nothing</span>}
            {spec?.event?.selector && (
              <>
                {" "}
                where <code>{spec.event.selector}</code>
              </>
            )}
          </>
        );
      }}
    />
  );
}

interface ListedProps<T> {
  found: { data?: List<T> | undefined; error: Error | null };
  none: string;
  title: string;
  cell: (one: T) => ReactNode;
  /** Of links of the configuration. */
  scope?: string;
}

function Listed<T extends Stored>({ found, none, title, cell, scope }: ListedProps<T>) {
  if (found.error) return <Why failure={found.error} />;
  const items = found.data?.items ?? [];
  if (found.data && items.length === 0) return <Empty title={none} />;
  return items.length > 0 ? (
    <div className="card kept-table">
      <Table columns={["Name", title, "Manifest"]}>
        {items.map((one) => (
          <tr key={one.metadata.name}>
            <td>
              {one.metadata.name} {scope && <OwnLinks scope={scope} known={one} />}
            </td>
            <td>{cell(one)}</td>
            <td>
              <details>
                <summary>YAML of {one.metadata.name}</summary>
                <YamlView value={one} />
              </details>
            </td>
          </tr>
        ))}
      </Table>
    </div>
  ) : null;
}
