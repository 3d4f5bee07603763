/** Views of one thing, one at a time; which one stands in the address. */
import "./tabs.css";
import { type KeyboardEvent, type ReactNode, useId } from "react";
import { useSearch } from "./useSearch";

export interface Tab {
  name: string;
  label: string;
  show: () => ReactNode;
}

export function Tabs({ tabs, label }: { tabs: Tab[]; label: string }) {
  const [query, change] = useSearch();
  const id = useId();
  const open = tabs.find(({ name }) => name === query.get("tab")) ?? tabs[0];
  const choose = (name: string) =>
    change((search) => {
      search.set("tab", name);
      return search;
    });
  const press = (event: KeyboardEvent<HTMLDivElement>) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step || !open) return;
    const next = tabs[(tabs.indexOf(open) + step + tabs.length) % tabs.length];
    if (!next) return;
    choose(next.name);
    document.getElementById(`${id}-${next.name}`)?.focus();
  };
  if (!open) return null;
  return (
    <>
      <div className="tabs" role="tablist" aria-label={label} onKeyDown={press}>
        {tabs.map(({ name, label: title }) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`${id}-${name}`}
            aria-selected={name === open.name}
            aria-controls={`${id}-panel`}
            tabIndex={name === open.name ? 0 : -1}
            onClick={() => choose(name)}
          >
            {title}
          </button>
        ))}
      </div>
      <div className="tab-panel" role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${open.name}`}>
        {open.show()}
      </div>
    </>
  );
}
