/** Write a workflow, a template or a schedule, and send it: `/create/PLACE/NAMESPACE?from=PLACE/NAMESPACE/NAME`. */
import "../kept/kept.css";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate, useParams, useSearchParams } from "react-router";
import { create, createWorkflow, KEPT, type KeptKind, read } from "../../api/kept";
import { request } from "../../api/request";
import type { Stored, Workflow } from "../../api/types";
import type { Checked } from "../../editor/check";
import { Editor } from "../../editor/Editor";
import { Button } from "../../parts/Button";
import { deed } from "../../parts/deed";
import { Failure } from "../../parts/Empty";
import { useTitle } from "../../parts/title";
import { NotFound } from "../NotFound";
import { again, from, sample } from "./manifest";

interface Target {
  place: string;
  kept: KeptKind | undefined;
  kind: KeptKind["kind"] | "Workflow";
  title: string;
}

function target(place: string): Target | undefined {
  const kept = KEPT.find((one) => one.place === place);
  if (!kept && place !== "workflows") return undefined;
  return { place, kept, kind: kept?.kind ?? "Workflow", title: `New ${kept?.one ?? "workflow"}` };
}

/** The text to begin with: of another object where the address names one. */
async function first(to: Target, namespace: string, source: string, signal: AbortSignal): Promise<string> {
  const [place = "", ...rest] = source.split("/");
  if (!source) return sample(to.kind, namespace || "default");
  if (place === "workflows")
    return again(await request<Workflow>("GET", `api/v1/workflows/${rest.join("/")}`, { signal }));
  const kept = KEPT.find((one) => one.place === place);
  if (!kept) throw new Error(`nothing is read from “${source}”`);
  const one = await read(kept, rest.length > 1 ? (rest[0] ?? "") : "", rest.at(-1) ?? "", signal);
  return from(kept, one, namespace || one.metadata.namespace || "default");
}

export function CreatePage() {
  const { place = "", namespace = "" } = useParams();
  const [query] = useSearchParams();
  const source = query.get("from") ?? "";
  const to = target(place);
  useTitle(to?.title ?? "Not found");
  const text = useQuery({
    queryKey: ["first", place, namespace, source],
    queryFn: ({ signal }) => (to ? first(to, namespace, source, signal) : ""),
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (!to) return <NotFound />;
  return (
    <div className="page">
      <h1>{to.title}</h1>
      {text.error && <Failure failure={text.error} what="The manifest cannot be read." />}
      {text.data && <Writing key={`${place} ${source}`} to={to} namespace={namespace} text={text.data} />}
    </div>
  );
}

function Writing({ to, namespace, text }: { to: Target; namespace: string; text: string }) {
  const [checked, setChecked] = useState<Checked>();
  const [busy, setBusy] = useState(false);
  const navigate = useNavigate();
  const send = async () => {
    setBusy(true);
    const value = checked?.value as Stored;
    const where = value.metadata.namespace || namespace || "default";
    const sending = to.kept ? create(to.kept, where, value) : createWorkflow(where, value);
    const made = await deed<Stored>(sending, to.kept ? "Created." : "Submitted.");
    setBusy(false);
    const space = made?.metadata.namespace;
    if (made) navigate(`/${to.place}/${space ? `${space}/` : ""}${made.metadata.name}`);
  };
  return (
    <>
      <Editor text={text} kind={to.kind} label="Manifest" onChange={(_, found) => setChecked(found)} />
      <div className="row">
        <Button kind="main" disabled={busy || !checked?.value || checked.problems.length > 0} onClick={send}>
          {to.kept ? "Create" : "Submit"}
        </Button>
      </div>
    </>
  );
}
