/** One template, cluster template or schedule: what it is, submit it, change it, what it has started. */
import "./kept.css";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { useNavigate, useParams } from "react-router";
import { type Kept, type KeptKind, read, remove, setSuspended } from "../../api/kept";
import { Button } from "../../parts/Button";
import { Confirm } from "../../parts/Confirm";
import { deed } from "../../parts/deed";
import { Failure } from "../../parts/Empty";
import { type Tab, Tabs } from "../../parts/Tabs";
import { useTitle } from "../../parts/title";
import { useSearch } from "../../parts/useSearch";
import { SubmitForm } from "../submit/SubmitForm";
import { Started } from "./Started";
import { Summary } from "./Summary";

const AGAIN_AFTER = 10_000;
// the editor is large, and most people only look
const ManifestTab = lazy(async () => ({ default: (await import("./ManifestTab")).ManifestTab }));

export function KeptPage({ kind }: { kind: KeptKind }) {
  const { namespace = "", name = "" } = useParams();
  useTitle(name);
  const key = ["kept", kind.kind, namespace, "one", name];
  const found = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => read(kind, namespace, name, signal),
    refetchInterval: AGAIN_AFTER,
  });
  const queries = useQueryClient();
  const changed = (one: Kept) => queries.setQueryData(key, one);
  return (
    <div className="page">
      {found.error && <Failure failure={found.error} what={`The ${kind.one} cannot be shown.`} />}
      {found.data && <Whole kind={kind} one={found.data} onChange={changed} />}
    </div>
  );
}

function Whole({ kind, one, onChange }: { kind: KeptKind; one: Kept; onChange: (one: Kept) => void }) {
  const tabs: Tab[] = [
    { name: "summary", label: "Summary", show: () => <Summary kind={kind} one={one} /> },
    { name: "submit", label: "Submit", show: () => <SubmitForm kind={kind} one={one} /> },
    {
      name: "manifest",
      label: "Manifest",
      show: () => (
        <Suspense>
          <ManifestTab kind={kind} one={one} onChange={onChange} />
        </Suspense>
      ),
    },
    { name: "workflows", label: "Workflows", show: () => <Started kind={kind} one={one} /> },
  ];
  return (
    <>
      <Head kind={kind} one={one} onChange={onChange} />
      <Tabs tabs={tabs} label={`Views of ${one.metadata.name}`} />
    </>
  );
}

function Head({ kind, one, onChange }: { kind: KeptKind; one: Kept; onChange: (one: Kept) => void }) {
  const [asks, setAsks] = useState(false);
  const [, change] = useSearch();
  const navigate = useNavigate();
  const { name, namespace } = one.metadata;
  const isCron = kind.kind === "CronWorkflow";
  const isSuspended = one.spec.suspend === true;
  const suspend = async () => {
    const made = await deed(setSuspended(one.metadata, !isSuspended), isSuspended ? "Resumed." : "Suspended.");
    if (made) onChange(made);
  };
  const destroy = async () => {
    if (await deed(remove(kind, one.metadata), `Deleted ${name}.`))
      navigate(`/${kind.place}${namespace ? `/${namespace}` : ""}`);
  };
  return (
    <div className="page-head">
      <h1>
        {namespace && <span className="quiet">{namespace} / </span>}
        {name}
      </h1>
      {isCron && isSuspended && <span className="quiet">suspended</span>}
      <span className="space" />
      <Button kind="main" onClick={() => change(() => new URLSearchParams({ tab: "submit" }), true)}>
        {isCron ? "Submit now" : "Submit"}
      </Button>
      {isCron && <Button onClick={suspend}>{isSuspended ? "Resume" : "Suspend"}</Button>}
      <Button kind="danger" onClick={() => setAsks(true)}>
        Delete
      </Button>
      {asks && (
        <Confirm
          title={`Delete ${kind.one} ${name}?`}
          act={`Delete ${kind.one}`}
          onYes={destroy}
          onClose={() => setAsks(false)}
        >
          <p>{isCron ? "Its workflows are deleted with it." : "Workflows that it has started stay."}</p>
        </Confirm>
      )}
    </div>
  );
}
