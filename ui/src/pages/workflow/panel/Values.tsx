import type { Outputs, Parameter } from "../../../api/types";
import { Button } from "../../../parts/Button";
import { tell } from "../../../parts/tell";

/** Parameters, and for outputs the result. */
export function Values({ values, what }: { values: Outputs | undefined; what: "input" | "output" }) {
  const parameters = values?.parameters ?? [];
  if (!parameters.length && values?.result === undefined) return <p className="quiet">No {what} parameters.</p>;
  return (
    <section>
      <h3>Parameters</h3>
      <table className="values">
        <tbody>
          {parameters.map((one) => (
            <Value key={one.name} name={one.name} value={shown(one)} />
          ))}
          {values?.result !== undefined && <Value name="result" value={values.result} />}
        </tbody>
      </table>
    </section>
  );
}

export function shown({ value, valueFrom, default: fallback }: Parameter): string {
  if (value !== undefined) return String(value);
  if (valueFrom?.supplied) return "(to be supplied)";
  return fallback === undefined ? "" : String(fallback);
}

function Value({ name, value }: { name: string; value: string }) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      tell(`${name} is copied.`);
    } catch {
      tell("The browser does not let the page copy.", true);
    }
  };
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>
        <pre>{value}</pre>
      </td>
      <td>
        <Button aria-label={`Copy ${name}`} onClick={() => void copy()}>
          Copy
        </Button>
      </td>
    </tr>
  );
}
