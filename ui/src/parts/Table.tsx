import type { ReactNode } from "react";

/** A table with a name for each column; a column without one is not there. */
export function Table({ columns, children }: { columns: (string | false)[]; children: ReactNode }) {
  return (
    <table>
      <thead>
        <tr>
          {columns.map(
            (name) =>
              name && (
                <th scope="col" key={name}>
                  {name}
                </th>
              ),
          )}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}
