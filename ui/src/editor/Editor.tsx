/** Writes a manifest as YAML: coloured, folded, completed and checked by the schema of its kind while one writes. */
import { autocompletion, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import {
  bracketMatching,
  foldGutter,
  foldKeymap,
  HighlightStyle,
  indentOnInput,
  syntaxHighlighting,
} from "@codemirror/language";
import { type Diagnostic, lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { EditorState, type Extension } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useId, useRef, useState } from "react";
import { type Checked, check } from "./check";
import { completer } from "./complete";
import "./editor.css";
import { type Kind, readSchema, type Schema } from "./schema";

const COLOURS = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent)" },
  { tag: [tags.string, tags.content, tags.attributeValue], color: "var(--text)" },
  { tag: [tags.keyword, tags.bool, tags.null, tags.number], color: "var(--running)" },
  { tag: [tags.comment, tags.lineComment], color: "var(--quiet)", fontStyle: "italic" },
  { tag: [tags.punctuation, tags.separator, tags.bracket], color: "var(--quiet)" },
  { tag: [tags.meta, tags.labelName, tags.typeName], color: "var(--pending)" },
]);
const CHECK_AFTER = 150;

export interface EditorProps {
  /** The text at the beginning; a new one makes a new editor. */
  text: string;
  kind: Kind;
  label: string;
  readOnly?: boolean;
  /** What is written now; nothing while it is not checked yet. */
  onChange?: (text: string, checked: Checked | undefined) => void;
}

export function Editor({ text, kind, label, readOnly = false, onChange }: EditorProps) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const schema = useRef<Schema>(undefined);
  const checking = useRef<() => void>(undefined);
  const read = useQuery({
    queryKey: ["schema", kind],
    queryFn: ({ signal }) => readSchema(kind, signal),
    staleTime: Number.POSITIVE_INFINITY,
    enabled: !readOnly,
  });
  const told = useRef(onChange);
  told.current = onChange;
  const [checked, setChecked] = useState<Checked>();
  const id = useId();

  useEffect(() => {
    if (!place.current) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let ended = false;
    const look = () => {
      if (ended) return;
      const found = check(made.state.doc.toString(), schema.current);
      made.dispatch(setDiagnostics(made.state, found.problems.map(diagnostic)));
      tell(found);
    };
    const tell = (found?: Checked) => {
      setChecked(found);
      told.current?.(made.state.doc.toString(), found);
    };
    const changed = EditorView.updateListener.of((update) => {
      if (!update.docChanged) return;
      // what was sent now would be what stood here before
      tell();
      clearTimeout(timer);
      timer = setTimeout(look, CHECK_AFTER);
    });
    const extensions = [...looks(label, readOnly), ...(readOnly ? [] : writing(() => schema.current)), changed];
    const made = new EditorView({ state: EditorState.create({ doc: text, extensions }), parent: place.current });
    view.current = made;
    if (!readOnly) {
      checking.current = look;
      look();
    }
    return () => {
      ended = true;
      clearTimeout(timer);
      made.destroy();
    };
  }, [text, label, readOnly]);

  useEffect(() => {
    schema.current = read.data;
    checking.current?.();
  }, [read.data]);

  const go = (from: number) => {
    view.current?.dispatch({ selection: { anchor: from }, scrollIntoView: true });
    view.current?.focus();
  };
  return (
    <div className="editor">
      <div ref={place} className="editor-text card" />
      {!readOnly && (
        <div className="editor-problems" role="status" aria-labelledby={id}>
          <span id={id} className="quiet">
            {said(checked)}
          </span>
          <ul>
            {checked?.problems.slice(0, 20).map((one) => (
              <li key={`${one.from} ${one.message}`}>
                <button type="button" className="plain" onClick={() => go(one.from)}>
                  Line {one.line}: {one.message}
                </button>
              </li>
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}

function said(checked: Checked | undefined): string {
  if (!checked) return "Checking…";
  return checked.problems.length === 0 ? "No problems" : `Problems: ${checked.problems.length}`;
}

function diagnostic({ from, to, message }: Checked["problems"][number]): Diagnostic {
  return { from, to, message, severity: "error" };
}

function looks(label: string, readOnly: boolean): Extension[] {
  return [
    lineNumbers(),
    foldGutter(),
    drawSelection(),
    bracketMatching(),
    highlightSelectionMatches(),
    yaml(),
    syntaxHighlighting(COLOURS),
    EditorView.lineWrapping,
    EditorState.readOnly.of(readOnly),
    EditorView.contentAttributes.of({
      "aria-label": label,
      tabindex: "0",
      ...(readOnly ? { "aria-readonly": "true" } : {}),
    }),
    keymap.of([...searchKeymap, ...foldKeymap, ...defaultKeymap]),
  ];
}

function writing(schema: () => Schema | undefined): Extension[] {
  return [
    history(),
    lintGutter(),
    indentOnInput(),
    highlightActiveLine(),
    autocompletion({ override: [completer(schema)], icons: false }),
    keymap.of([...completionKeymap, ...historyKeymap, ...lintKeymap]),
  ];
}
