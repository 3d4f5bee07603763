/** The server's operations, as its own OpenAPI description says. */
import "../kept/kept.css";
import "../workflow/workflow.css";
import "./about.css";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { address, request } from "../../api/request";
import { Empty, Failure } from "../../parts/Empty";
import { Table } from "../../parts/Table";
import { useTitle } from "../../parts/title";
import { useSearch } from "../../parts/useSearch";
import { YamlView } from "../workflow/YamlView";
import { type Description, grouped, type Shown, schemasOf } from "./openapi";

export function ApiPage() {
  useTitle("API");
  const [search, change] = useSearch();
  const text = search.get("find") ?? "";
  const said = useQuery({
    queryKey: ["openapi"],
    queryFn: ({ signal }) => request<Description>("GET", "openapi.json", { signal }),
  });
  const groups = said.data ? grouped(said.data, text) : [];
  return (
    <div className="page">
      <div className="page-head">
        <h1>API</h1>
        <span className="quiet">{said.data && `${said.data.info.title} ${said.data.info.version}`}</span>
        <span className="space" />
        <a href={address("openapi.json")}>openapi.json</a>
      </div>
      <div className="row">
        <input
          type="search"
          aria-label="Find an operation"
          placeholder="Find an operation"
          value={text}
          onChange={({ target }) =>
            change((search) => {
              if (target.value) search.set("find", target.value);
              else search.delete("find");
              return search;
            })
          }
        />
      </div>
      {said.error && <Failure failure={said.error} what="The description cannot be read:" />}
      {said.data && groups.length === 0 && <Empty title="No operation has these words." />}
      {groups.map(([tag, operations]) => (
        <section key={tag} aria-label={tag}>
          <h2>{tag}</h2>
          {operations.map((one) => (
            <Operation key={`${one.verb} ${one.path}`} said={said.data as Description} one={one} />
          ))}
        </section>
      ))}
    </div>
  );
}

function Operation({ said, one }: { said: Description; one: Shown }) {
  // a schema may be long: it is made when somebody looks
  const [isOpen, setOpen] = useState(false);
  return (
    <details className="api-operation" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <strong>{one.verb}</strong> <code>{one.path}</code> <span className="quiet">{one.summary}</span>
      </summary>
      {isOpen && <Details said={said} one={one} />}
    </details>
  );
}

function Details({ said, one }: { said: Description; one: Shown }) {
  const [kind, body] = Object.entries(one.requestBody?.content ?? {})[0] ?? [];
  return (
    <div className="card kept-card">
      {!!one.parameters?.length && (
        <Table columns={["Parameter", "In", ""]}>
          {one.parameters.map(({ name, in: where, required }) => (
            <tr key={`${where} ${name}`}>
              <td>
                <code>{name}</code>
              </td>
              <td>{where}</td>
              <td>{required && "required"}</td>
            </tr>
          ))}
        </Table>
      )}
      {body && (
        <>
          <h3>Body: {kind}</h3>
          <YamlView value={{ schema: body.schema, ...schemasOf(said, body.schema) }} />
        </>
      )}
      <h3>Answers</h3>
      <dl>
        {Object.entries(one.responses).map(([status, { description, content }]) => (
          <div key={status} className="user-fact">
            <dt>{status}</dt>
            <dd>
              {description} <span className="quiet">{Object.keys(content ?? {}).join(", ")}</span>
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
