import { Fragment, type ReactNode } from "react";

export type Fact = [name: string, value: ReactNode];

/** Names and values, for a `dl`; what is empty is left out. */
export function FactList({ facts }: { facts: Fact[] }) {
  return facts.map(
    ([name, value]) =>
      value && (
        <Fragment key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </Fragment>
      ),
  );
}
