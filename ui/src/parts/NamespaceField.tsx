/** Which namespace a page is about; empty for all. What is looked for stays. */
import { type FormEvent, useEffect, useState } from "react";
import { useLocation, useNavigate } from "react-router";

export function NamespaceField({ place, namespace }: { place: string; namespace: string }) {
  const [text, setText] = useState(namespace);
  const navigate = useNavigate();
  const { search } = useLocation();
  useEffect(() => setText(namespace), [namespace]);
  const go = (event?: FormEvent) => {
    event?.preventDefault();
    const wanted = text.trim();
    if (wanted === namespace) return;
    const kept = new URLSearchParams(search);
    // which page of a list it was means nothing elsewhere
    kept.delete("from");
    navigate({ pathname: `/${place}${wanted ? `/${encodeURIComponent(wanted)}` : ""}`, search: kept.toString() });
  };
  return (
    <form onSubmit={go} onBlur={() => go()}>
      <input
        aria-label="Namespace"
        placeholder="all namespaces"
        value={text}
        onChange={(event) => setText(event.target.value)}
        size={16}
        spellCheck={false}
      />
    </form>
  );
}
