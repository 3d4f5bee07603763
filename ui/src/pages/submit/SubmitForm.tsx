/** Starts a workflow from a template or a schedule, by a form that its parameters make. */
import "../kept/kept.css";
import { type FormEvent, useId, useState } from "react";
import { Link, useNavigate } from "react-router";
import { type Kept, type KeptKind, specOf, submit } from "../../api/kept";
import { Button } from "../../parts/Button";
import { deed } from "../../parts/deed";
import { type Field, fieldsOf, missing, parametersOf, wrongLabels } from "./fields";

export function SubmitForm({ kind, one }: { kind: KeptKind; one: Kept }) {
  const spec = specOf(one);
  const own = spec.entrypoint ?? "";
  const [entrypoint, setEntrypoint] = useState(own);
  const [written, setWritten] = useState<Record<string, string>>({});
  const [labels, setLabels] = useState("");
  const [namespace, setNamespace] = useState(one.metadata.namespace ?? "default");
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const navigate = useNavigate();
  const fields = fieldsOf(spec, entrypoint);
  const absent = missing(fields, written);
  const badLabels = wrongLabels(labels);
  const send = async (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (absent.length > 0 || badLabels) return;
    setBusy(true);
    const options = {
      parameters: parametersOf(fields, written),
      ...(entrypoint !== own ? { entryPoint: entrypoint } : {}),
      ...(labels.trim() ? { labels: labels.replaceAll(" ", "") } : {}),
    };
    const made = await deed(submit(kind, namespace, one.metadata.name, options), "Submitted.");
    setBusy(false);
    if (made) navigate(`/workflows/${made.metadata.namespace}/${made.metadata.name}`);
  };
  return (
    <form className="kept-form" onSubmit={send} noValidate aria-label={`Submit ${one.metadata.name}`}>
      {!kind.namespaced && <Text label="Namespace" value={namespace} onChange={setNamespace} />}
      <Entrypoint
        names={spec.templates?.flatMap(({ name }) => name ?? []) ?? []}
        value={entrypoint}
        own={own}
        onChange={setEntrypoint}
      />
      {fields.map((field) => (
        <Parameter
          key={field.name}
          field={field}
          value={written[field.name] ?? field.given ?? ""}
          wrong={tried && absent.includes(field.name) ? "Write a value: there is none to fall back on." : ""}
          onChange={(value) => setWritten({ ...written, [field.name]: value })}
        />
      ))}
      <Text
        label="Labels"
        value={labels}
        onChange={setLabels}
        hint="name=value, several with commas"
        wrong={tried ? badLabels : ""}
      />
      <div className="row">
        <Button kind="main" type="submit" disabled={busy}>
          Submit
        </Button>
        <Link
          to={`/create/workflows/${namespace}?from=${kind.place}/${kind.namespaced ? `${namespace}/` : ""}${one.metadata.name}`}
        >
          Edit as YAML instead
        </Link>
      </div>
    </form>
  );
}

function Entrypoint({
  names,
  value,
  own,
  onChange,
}: {
  names: string[];
  value: string;
  own: string;
  onChange: (name: string) => void;
}) {
  if (names.length < 2) return null;
  return (
    <label className="field">
      Entrypoint
      <select value={value} onChange={(event) => onChange(event.target.value)}>
        {!own && <option value="">not chosen</option>}
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
            {name === own ? " (default)" : ""}
          </option>
        ))}
      </select>
    </label>
  );
}

interface TextProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  hint?: string;
  wrong?: string;
}

function Text({ label, value, onChange, hint = "", wrong = "" }: TextProps) {
  return (
    <Labelled label={label} hint={hint} wrong={wrong}>
      {(described) => (
        <input {...described} value={value} spellCheck={false} onChange={(event) => onChange(event.target.value)} />
      )}
    </Labelled>
  );
}

function Parameter({
  field,
  value,
  wrong,
  onChange,
}: {
  field: Field;
  value: string;
  wrong: string;
  onChange: (value: string) => void;
}) {
  return (
    <Labelled label={field.name} hint={field.description} wrong={wrong}>
      {(described) => {
        if (field.options.length > 0) {
          return (
            <select {...described} value={value} onChange={(event) => onChange(event.target.value)}>
              {!field.options.includes(value) && <option value={value}>{value || "not chosen"}</option>}
              {field.options.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          );
        }
        if (field.isLong)
          return <textarea {...described} rows={5} value={value} onChange={(event) => onChange(event.target.value)} />;
        return (
          <input {...described} value={value} spellCheck={false} onChange={(event) => onChange(event.target.value)} />
        );
      }}
    </Labelled>
  );
}

interface Described {
  id: string;
  "aria-describedby"?: string;
  "aria-invalid"?: boolean;
}

interface LabelledProps {
  label: string;
  hint: string;
  wrong: string;
  children: (described: Described) => React.ReactNode;
}

function Labelled({ label, hint, wrong, children }: LabelledProps) {
  const id = useId();
  const described: Described = { id };
  if (hint || wrong) described["aria-describedby"] = `${id}-said`;
  if (wrong) described["aria-invalid"] = true;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children(described)}
      {(hint || wrong) && (
        <small id={`${id}-said`}>
          {hint} {wrong && <span className="kept-wrong">{wrong}</span>}
        </small>
      )}
    </div>
  );
}
