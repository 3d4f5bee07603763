/** The manifest, to be changed and stored. */
import { useState } from "react";
import { type Kept, type KeptKind, replace } from "../../api/kept";
import type { Checked } from "../../editor/check";
import { Editor } from "../../editor/Editor";
import { Button } from "../../parts/Button";
import { deed } from "../../parts/deed";
import { manifestOf } from "../create/manifest";

export function ManifestTab({ kind, one, onChange }: { kind: KeptKind; one: Kept; onChange: (one: Kept) => void }) {
  // what others change meanwhile must not replace what is being written here: the server refuses the older version
  const [base, setBase] = useState(one);
  const [written, setWritten] = useState<{ text: string; checked: Checked | undefined }>();
  const [busy, setBusy] = useState(false);
  const text = manifestOf(base);
  const isStale = base.metadata.resourceVersion !== one.metadata.resourceVersion;
  const save = async () => {
    setBusy(true);
    const value = written?.checked?.value as Kept;
    const sent = { ...value, metadata: { ...value.metadata, resourceVersion: base.metadata.resourceVersion } };
    const made = await deed(replace(kind, base.metadata, sent), "Stored.");
    setBusy(false);
    if (!made) return;
    setBase(made);
    onChange(made);
  };
  const { value, problems = [] } = written?.checked ?? {};
  const canSave = !busy && written?.text !== text && value !== undefined && problems.length === 0;
  return (
    <>
      <Editor
        text={text}
        kind={kind.kind}
        label={`Manifest of ${base.metadata.name}`}
        onChange={(now, checked) => setWritten({ text: now, checked })}
      />
      <div className="row">
        <Button kind="main" disabled={!canSave} onClick={save}>
          Save
        </Button>
        {isStale && (
          <>
            <span>It was changed elsewhere.</span>
            <Button onClick={() => setBase(one)}>Load it again</Button>
          </>
        )}
      </div>
    </>
  );
}
