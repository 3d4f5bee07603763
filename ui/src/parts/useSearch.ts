import { useCallback, useRef } from "react";
import { useSearchParams } from "react-router";

type Made = (search: URLSearchParams) => URLSearchParams;

/**
 * What the address says behind `?`, and how it is changed: in place, or as a step that the browser goes back from. The router knows of a change only when it is shown:
 * two in one breath would lose the first, were each made of what is shown.
 */
export function useSearch(): [URLSearchParams, (change: Made, isStep?: boolean) => void] {
  const [search, setSearch] = useSearchParams();
  const shown = useRef(search);
  const latest = useRef(search);
  const set = useRef(setSearch);
  set.current = setSearch;
  if (shown.current !== search) {
    shown.current = search;
    latest.current = search;
  }
  const change = useCallback((made: Made, isStep = false) => {
    latest.current = made(new URLSearchParams(latest.current));
    set.current(latest.current, { replace: !isStep });
  }, []);
  return [search, change];
}
