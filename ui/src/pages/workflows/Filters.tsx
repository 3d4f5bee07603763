/** The fields above the list. */
import "./filters.css";
import { useEffect, useRef, useState } from "react";
import { Button } from "../../parts/Button";
import { NamespaceField } from "../../parts/NamespaceField";
import { checkLabel, type Filter, isEmpty, PHASES } from "./filter";

interface Props {
  filter: Filter;
  onChange: (changed: Partial<Omit<Filter, "namespace">>) => void;
}

export function Filters({ filter, onChange }: Props) {
  return (
    <search className="filters" aria-label="Filter workflows">
      <NamespaceField place="workflows" namespace={filter.namespace} />
      <Name name={filter.name} onChange={(name) => onChange({ name })} />
      <fieldset className="filters-phases">
        <legend className="unseen">Phases</legend>
        {PHASES.map((phase) => (
          <Button
            key={phase}
            aria-pressed={filter.phases.includes(phase)}
            onClick={() => onChange({ phases: toggled(filter.phases, phase) })}
          >
            {phase}
          </Button>
        ))}
      </fieldset>
      <details
        className="filters-more"
        open={!!(filter.labels.length || filter.template || filter.since || filter.until)}
      >
        <summary>More filters</summary>
        <div className="row">
          <Labels labels={filter.labels} onChange={(labels) => onChange({ labels })} />
          <input
            aria-label="Workflow template"
            placeholder="Template"
            defaultValue={filter.template}
            onBlur={(event) => onChange({ template: event.target.value.trim() })}
            onKeyDown={(event) => event.key === "Enter" && onChange({ template: event.currentTarget.value.trim() })}
          />
          <label>
            Created from{" "}
            <input type="date" value={filter.since} onChange={(event) => onChange({ since: event.target.value })} />
          </label>
          <label>
            Finished until{" "}
            <input type="date" value={filter.until} onChange={(event) => onChange({ until: event.target.value })} />
          </label>
        </div>
      </details>
      {!isEmpty(filter) && (
        <Button
          kind="bare"
          onClick={() => onChange({ name: "", phases: [], labels: [], template: "", since: "", until: "" })}
        >
          Clear
        </Button>
      )}
    </search>
  );
}

/** Holds what is typed itself: the address follows later than somebody types. */
function Name({ name, onChange }: { name: string; onChange: (name: string) => void }) {
  const field = useRef<HTMLInputElement>(null);
  useSlash(field);
  const [typed, setTyped] = useState(name);
  const [before, setBefore] = useState(name);
  // the address was changed by somebody else: a link, the button that clears
  if (before !== name) {
    setBefore(name);
    if (document.activeElement !== field.current) setTyped(name);
  }
  return (
    <input
      ref={field}
      type="search"
      aria-label="Name contains"
      placeholder="Name  /"
      value={typed}
      onChange={(event) => {
        setTyped(event.target.value);
        onChange(event.target.value.trim());
      }}
    />
  );
}

const toggled = (all: string[], one: string) =>
  all.includes(one) ? all.filter((other) => other !== one) : [...all, one];

function Labels({ labels, onChange }: { labels: string[]; onChange: (labels: string[]) => void }) {
  const [wrong, setWrong] = useState("");
  const add = (input: HTMLInputElement) => {
    const label = input.value.trim();
    if (!label) return;
    const why = checkLabel(label);
    setWrong(why);
    if (why) return;
    input.value = "";
    if (!labels.includes(label)) onChange([...labels, label]);
  };
  return (
    <span className="row">
      {labels.map((label) => (
        <Button key={label} aria-label={`Remove the filter ${label}`} onClick={() => onChange(toggled(labels, label))}>
          {label} ✕
        </Button>
      ))}
      <input
        aria-label="Label"
        aria-invalid={!!wrong}
        placeholder="Label  key=value"
        onKeyDown={(event) => event.key === "Enter" && add(event.currentTarget)}
        onBlur={(event) => add(event.currentTarget)}
      />
      {wrong && <small role="alert">{wrong}</small>}
    </span>
  );
}

/** `/` goes to the field of the name. */
function useSlash(field: React.RefObject<HTMLInputElement | null>) {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.key !== "/" || (event.target instanceof HTMLElement && event.target.closest("input, textarea, select")))
        return;
      event.preventDefault();
      field.current?.focus();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [field]);
}
