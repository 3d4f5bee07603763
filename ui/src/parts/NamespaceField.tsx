/** Which namespace a page is about; empty for all. What else the address says stays. */
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
    if (wanted !== namespace) navigate(`/${place}${wanted ? `/${encodeURIComponent(wanted)}` : ""}${search}`);
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
