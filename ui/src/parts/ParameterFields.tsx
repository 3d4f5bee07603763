/** A form field for each parameter: a choice where values are given, several lines where the value has them. */
import { useId } from "react";
import type { Parameter } from "../api/types";

interface Props {
  parameters: Parameter[];
  values: Readonly<Record<string, string>>;
  onChange: (values: Readonly<Record<string, string>>) => void;
}

/** What a parameter has before anybody types. */
export const given = ({ value, default: fallback, enum: choices }: Parameter) =>
  String(value ?? fallback ?? choices?.[0] ?? "");

export const givenAll = (parameters: Parameter[]) =>
  Object.fromEntries(parameters.map((one) => [one.name, given(one)]));

/** Values that differ from what was given, as `name=value`. */
export function changed(parameters: Parameter[], values: Readonly<Record<string, string>>): string[] {
  return parameters.filter((one) => values[one.name] !== given(one)).map(({ name }) => `${name}=${values[name] ?? ""}`);
}

export function ParameterFields({ parameters, values, onChange }: Props) {
  const prefix = useId();
  return parameters.map((one) => {
    const id = `${prefix}${one.name}`;
    const value = values[one.name] ?? "";
    const shared = {
      id,
      value,
      "aria-describedby": one.description ? `${id}-about` : undefined,
      onChange: (event: { target: { value: string } }) => onChange({ ...values, [one.name]: event.target.value }),
    };
    return (
      <div className="field" key={one.name}>
        <label htmlFor={id}>{one.name}</label>
        {one.enum?.length ? (
          <select {...shared}>
            {one.enum.map((choice) => (
              <option key={String(choice)}>{String(choice)}</option>
            ))}
          </select>
        ) : given(one).includes("\n") ? (
          <textarea {...shared} rows={5} className="mono" />
        ) : (
          <input {...shared} />
        )}
        {one.description && <small id={`${id}-about`}>{one.description}</small>}
      </div>
    );
  });
}
