/** Artifacts: where they are, fetched, and looked at where a page can show them. */
import { useState } from "react";
import { address, headers, send } from "../../../api/request";
import type { Artifact, NodeStatus, Workflow } from "../../../api/types";
import { Button } from "../../../parts/Button";
import { Failure } from "../../../parts/Empty";
import { fileName, kindOf, pathOf, placeOf, type Side } from "./files";

export function Files({ workflow, node, side }: { workflow: Workflow; node: NodeStatus; side: Side }) {
  const artifacts = node[side]?.artifacts ?? [];
  if (!artifacts.length) return <p className="quiet">No {side === "inputs" ? "input" : "output"} artifacts.</p>;
  return (
    <section>
      <h3>Artifacts</h3>
      {artifacts.map((one) => (
        <File key={one.name} artifact={one} path={pathOf(workflow, node.id, side, one.name)} />
      ))}
    </section>
  );
}

function File({ artifact, path }: { artifact: Artifact; path: string }) {
  const [isShown, setShown] = useState(false);
  return (
    <div className="file">
      <div className="row">
        <strong>{artifact.name}</strong>
        <span className="quiet mono file-place">{placeOf(artifact)}</span>
        <span className="space" />
        {artifact.deleted ? (
          <span className="quiet">deleted</span>
        ) : (
          <>
            <Button aria-expanded={isShown} aria-label={`Show ${artifact.name}`} onClick={() => setShown(!isShown)}>
              {isShown ? "Hide" : "Show"}
            </Button>
            <a href={address(path)} download={fileName(artifact)} aria-label={`Download ${artifact.name}`}>
              Download
            </a>
          </>
        )}
      </div>
      {artifact.path && <div className="quiet mono">{artifact.path}</div>}
      {isShown && <Preview path={path} name={fileName(artifact)} />}
    </div>
  );
}

const MOST = 256 * 1024;

type Look =
  | { kind: "wait" | "other" }
  | { kind: "text"; text: string; isCut: boolean }
  | { kind: "image" }
  | { kind: "failed"; failure: Error };

function Preview({ path, name }: { path: string; name: string }) {
  const [look, setLook] = useState<Look>();
  if (!look) {
    setLook({ kind: "wait" });
    read(path, name).then(setLook, (failure: Error) => setLook({ kind: "failed", failure }));
  }
  switch (look?.kind) {
    case "text":
      return (
        <>
          <pre className="file-text" role="region" tabIndex={0} aria-label={`Content of ${name}`}>
            {look.text}
          </pre>
          {look.isCut && <p className="quiet">Only the first {MOST / 1024} KiB are shown.</p>}
        </>
      );
    case "image":
      return <img className="file-image" src={address(path)} alt={name} />;
    case "other":
      return <p className="quiet">The page cannot show this kind of file.</p>;
    case "failed":
      return <Failure failure={look.failure} what="Cannot be fetched:" />;
    default:
      return <p className="quiet">Loading…</p>;
  }
}

/** Reads no more than is shown, however large it is. */
async function read(path: string, name: string): Promise<Look> {
  const ended = new AbortController();
  const answer = await send(address(path), { headers: headers(), signal: ended.signal });
  const kind = kindOf(answer.headers.get("Content-Type") ?? "", name);
  if (kind !== "text" || !answer.body) {
    ended.abort();
    return { kind: kind === "image" ? "image" : "other" };
  }
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return { kind: "text", text, isCut: false };
    text += decoder.decode(value, { stream: true });
    if (text.length > MOST) {
      ended.abort();
      return { kind: "text", text: text.slice(0, MOST), isCut: true };
    }
  }
}
