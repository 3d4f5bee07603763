/** Navigation beside the page; on a phone above it. */
import "./frame.css";
import { useEffect, useState } from "react";
import { NavLink, Outlet, useNavigate } from "react-router";
import { useInfo } from "../api/info";
import { OwnLinks } from "../parts/OwnLinks";
import { Greetings } from "./Greetings";
import { Help } from "./Help";
import { PLACES } from "./places";
import { applyTheme, type Theme, theme } from "./theme";

const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };

export function Frame() {
  useGoKeys();
  const { navColor } = useInfo();
  return (
    <div className="frame">
      <button type="button" className="skip" onClick={toPage}>
        Skip to the page
      </button>
      <header className="frame-nav" style={navColor ? { borderTop: `6px solid ${navColor}` } : undefined}>
        <span className="frame-name">
          <img src="icon.svg" alt="" width="22" height="22" /> Tiphys
        </span>
        <nav aria-label="Pages">
          {PLACES.map(({ to, label, key }) => (
            <NavLink key={to} to={to} title={`g ${key}`}>
              {label}
            </NavLink>
          ))}
        </nav>
        <OwnLinks scope="chat" />
        <Help />
        <ThemeButton />
      </header>
      <main id="page" tabIndex={-1}>
        <Outlet />
      </main>
      <Greetings />
    </div>
  );
}

/** No link: a fragment alone would be taken relative to the base path, away from this page. */
function toPage() {
  document.getElementById("page")?.focus();
}

function ThemeButton() {
  const [chosen, setChosen] = useState(theme);
  const choose = () => {
    applyTheme(NEXT[chosen]);
    setChosen(NEXT[chosen]);
  };
  return (
    <button type="button" className="frame-theme" onClick={choose} aria-label={`Colours: ${chosen}. Change`}>
      {{ system: "◐ System", light: "○ Light", dark: "● Dark" }[chosen]}
    </button>
  );
}

/** `g` and a letter goes to a page, unless somebody is typing. */
function useGoKeys() {
  const navigate = useNavigate();
  useEffect(() => {
    let last = 0;
    const press = (event: KeyboardEvent) => {
      const typing =
        event.target instanceof HTMLElement && event.target.closest("input, textarea, select, [contenteditable]");
      if (typing || event.metaKey || event.ctrlKey || event.altKey) return;
      if (event.key === "g") {
        last = event.timeStamp;
        return;
      }
      const place = event.timeStamp - last < 1000 && PLACES.find(({ key }) => key === event.key);
      last = 0;
      if (place) navigate(place.to);
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [navigate]);
}
