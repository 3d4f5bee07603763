/** Which namespace a page is about; empty for all. */
import { type FormEvent, useEffect, useState } from "react";
import { useNavigate } from "react-router";

export function NamespaceField({ place, namespace }: { place: string; namespace: string }) {
  const [text, setText] = useState(namespace);
  const navigate = useNavigate();
  useEffect(() => setText(namespace), [namespace]);
  const go = (event?: FormEvent) => {
    event?.preventDefault();
    const wanted = text.trim();
    if (wanted !== namespace) navigate(`/${place}${wanted ? `/${encodeURIComponent(wanted)}` : ""}`);
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
