/** An object as YAML; only the lines that are seen are in the document. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef } from "react";
import { stringify } from "yaml";
import { Button } from "../../parts/Button";
import { tell } from "../../parts/tell";

const HEIGHT = 18;

export function YamlView({ value }: { value: unknown }) {
  const text = useMemo(() => stringify(value, { lineWidth: 0, aliasDuplicateObjects: false }), [value]);
  const lines = useMemo(() => text.trimEnd().split("\n"), [text]);
  const scroll = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => HEIGHT,
    overscan: 20,
  });
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => tell("The YAML is copied."),
      () => tell("The browser does not let the page copy.", true),
    );
  return (
    <div className="yaml">
      <div className="row">
        <Button onClick={() => void copy()}>Copy</Button>
        <span className="quiet">{lines.length} lines</span>
      </div>
      <div className="yaml-scroll" ref={scroll} tabIndex={0} role="region" aria-label="YAML">
        <div style={{ height: virtual.getTotalSize(), position: "relative" }}>
          {virtual.getVirtualItems().map(({ index, start }) => (
            <div key={index} className="yaml-line" style={{ transform: `translateY(${start}px)`, height: HEIGHT }}>
              {lines[index]}
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}
