/** What a template or schedule is, in short. */
import { Link } from "react-router";
import { type Kept, type KeptKind, schedulesOf, specOf } from "../../api/kept";
import type { Template } from "../../api/types";
import { Labels } from "../../parts/Labels";
import { Marked } from "../../parts/Marked";
import { Table } from "../../parts/Table";
import { local, span, useNow, at as when } from "../../parts/time";
import { NextStarts } from "../cron/NextStart";

export function Summary({ kind, one }: { kind: KeptKind; one: Kept }) {
  const spec = specOf(one);
  const { annotations, creationTimestamp, labels } = one.metadata;
  const description = annotations?.["workflows.argoproj.io/description"];
  return (
    <div className="card kept-card">
      {description && (
        <div>
          <Marked text={description} />
        </div>
      )}
      <dl>
        {kind.kind === "CronWorkflow" && <Schedule one={one} />}
        <dt>Entrypoint</dt>
        <dd>
          {spec.entrypoint ?? (spec.workflowTemplateRef ? `of template ${spec.workflowTemplateRef.name}` : "none")}
        </dd>
        <dt>Created</dt>
        <dd>{local(creationTimestamp)}</dd>
        {Object.keys(labels ?? {}).length > 0 && (
          <>
            <dt>Labels</dt>
            <dd>
              <Labels labels={labels} />
            </dd>
          </>
        )}
      </dl>
      <Parameters one={one} />
      <Templates templates={spec.templates ?? []} />
    </div>
  );
}

function Schedule({ one }: { one: Kept }) {
  const now = useNow();
  const { active = [], conditions = [], failed = 0, lastScheduledTime, succeeded = 0 } = one.status ?? {};
  return (
    <>
      <dt>Schedule</dt>
      <dd className="mono">
        {schedulesOf(one).join(", ")} {one.spec.timezone}
      </dd>
      <dt>Next starts</dt>
      <dd>{one.spec.suspend ? "none while it is suspended" : <NextStarts one={one} />}</dd>
      <dt>Last start</dt>
      <dd>
        {lastScheduledTime ? `${local(lastScheduledTime)} (${span(now - when(lastScheduledTime))} ago)` : "never"}
      </dd>
      <dt>Concurrency</dt>
      <dd>{one.spec.concurrencyPolicy ?? "Allow"}</dd>
      <dt>Ended</dt>
      <dd>
        {succeeded} succeeded, {failed} failed
      </dd>
      {active.length > 0 && (
        <>
          <dt>Running</dt>
          <dd>
            {active.map(({ name = "", namespace = one.metadata.namespace }) => (
              <Link key={name} to={`/workflows/${namespace}/${name}`}>
                {name}{" "}
              </Link>
            ))}
          </dd>
        </>
      )}
      {conditions.map(({ type, message }) => (
        <Condition key={type} type={type} message={message ?? ""} />
      ))}
    </>
  );
}

function Condition({ type, message }: { type: string; message: string }) {
  return (
    <>
      <dt>{type}</dt>
      <dd>{message}</dd>
    </>
  );
}

function Parameters({ one }: { one: Kept }) {
  const parameters = specOf(one).arguments?.parameters ?? [];
  if (parameters.length === 0) return null;
  return (
    <section aria-label="Parameters">
      <h2>Parameters</h2>
      <Table columns={["Name", "Value", "Description"]}>
        {parameters.map(({ name, value, default: otherwise, enum: options, description }) => (
          <tr key={name}>
            <td className="mono">{name}</td>
            <td className="mono">
              {String(value ?? otherwise ?? "")} {options && <span className="quiet">one of {options.join(", ")}</span>}
            </td>
            <td>{description}</td>
          </tr>
        ))}
      </Table>
    </section>
  );
}

const TYPES = ["container", "script", "steps", "dag", "suspend", "resource", "http", "containerSet", "data", "plugin"];

function Templates({ templates }: { templates: Template[] }) {
  if (templates.length === 0) return null;
  return (
    <section aria-label="Templates">
      <h2>Templates</h2>
      <Table columns={["Name", "Type", "Inputs"]}>
        {templates.map((one) => (
          <tr key={one.name}>
            <td>{one.name}</td>
            <td>{TYPES.find((type) => one[type] !== undefined) ?? ""}</td>
            <td className="mono">{one.inputs?.parameters?.map(({ name }) => name).join(", ")}</td>
          </tr>
        ))}
      </Table>
    </section>
  );
}
