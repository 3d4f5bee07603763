/** Logs of one container, or of all pods: live, searched, in the colours that the program chose. */
import "./logs.css";
import { useVirtualizer } from "@tanstack/react-virtual";
import {
  type CSSProperties,
  type KeyboardEvent,
  type ReactNode,
  useDeferredValue,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { Button } from "../../../parts/Button";
import { Failure } from "../../../parts/Empty";
import { found, type Line, pieces, plain } from "./lines";
import { type LogSource, useLogs } from "./useLogs";

interface Props {
  source: LogSource;
  /** Names to choose from; with none there is no choice. */
  containers: string[];
  onContainer: (name: string) => void;
  /** More about these logs, elsewhere. */
  links?: ReactNode;
}

const HEIGHT = 19;

export function LogView({ source, containers, onContainer, links }: Props) {
  const { lines, isRunning, failure, dropped } = useLogs(source);
  const [typed, setTyped] = useState("");
  const text = useDeferredValue(typed);
  const [isOnlyFound, setOnlyFound] = useState(false);
  const [isAtEnd, setAtEnd] = useState(true);
  const [hit, setHit] = useState(0);
  const hits = useMemo(() => found(lines, text), [lines, text]);
  const shown = useMemo(
    () => (isOnlyFound && text ? hits.map((at) => lines[at] as Line) : lines),
    [isOnlyFound, text, hits, lines],
  );
  const scroll = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => HEIGHT,
    overscan: 20,
  });
  useEffect(() => {
    if (isAtEnd && shown.length) virtual.scrollToIndex(shown.length - 1, { align: "end" });
  }, [shown, isAtEnd, virtual]);

  const goTo = (to: number) => {
    if (!hits.length) return;
    const next = (to + hits.length) % hits.length;
    setHit(next);
    setAtEnd(false);
    virtual.scrollToIndex(isOnlyFound ? next : (hits[next] ?? 0), { align: "center" });
  };
  const press = (event: KeyboardEvent) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    goTo(event.shiftKey ? hit - 1 : hit + (text ? 1 : 0));
  };
  const current = isOnlyFound ? hit : hits[hit];
  const isMany = !source.pod;

  return (
    <div className="logs">
      <div className="row logs-tools">
        {containers.length > 1 && (
          <select aria-label="Container" value={source.container} onChange={(event) => onContainer(event.target.value)}>
            {containers.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        )}
        <input
          type="search"
          aria-label="Search the logs"
          placeholder="Search"
          value={typed}
          onChange={(event) => {
            setTyped(event.target.value);
            setHit(0);
          }}
          onKeyDown={press}
        />
        {text && (
          <>
            <span className="quiet" role="status">
              {hits.length ? `${hit + 1} of ${hits.length}` : "nothing found"}
            </span>
            <Button aria-label="Hit before" onClick={() => goTo(hit - 1)} disabled={!hits.length}>
              ↑
            </Button>
            <Button aria-label="Next hit" onClick={() => goTo(hit + 1)} disabled={!hits.length}>
              ↓
            </Button>
            <Button aria-pressed={isOnlyFound} onClick={() => setOnlyFound(!isOnlyFound)}>
              Only hits
            </Button>
          </>
        )}
        <span className="space" />
        <span className="quiet" role="status">
          {lines.length} lines{isRunning ? ", more may come" : ""}
        </span>
        <Button aria-pressed={isAtEnd} onClick={() => setAtEnd(!isAtEnd)}>
          Follow
        </Button>
        <Button onClick={() => save(lines, source)} disabled={!lines.length}>
          Download
        </Button>
        {links}
      </div>
      {failure && <Failure failure={failure} what="No more logs:" />}
      {dropped > 0 && <p className="quiet">The first {dropped} lines are not kept by the page.</p>}
      <div
        className="logs-scroll"
        ref={scroll}
        role="log"
        aria-label="Log lines"
        aria-live="off"
        tabIndex={0}
        onWheel={(event) => event.deltaY < 0 && setAtEnd(false)}
      >
        <div style={{ height: virtual.getTotalSize(), position: "relative" }}>
          {virtual.getVirtualItems().map(({ index, start }) => {
            const line = shown[index];
            return (
              line && (
                <div
                  key={line.number}
                  className={index === current && text ? "logs-line logs-current" : "logs-line"}
                  style={{ transform: `translateY(${start}px)`, height: HEIGHT }}
                >
                  <span className="logs-number">{line.number}</span>
                  {isMany && <span className="logs-pod">{line.pod}</span>}
                  <Coloured content={line.content} text={text} />
                </div>
              )
            );
          })}
        </div>
        {!lines.length && !isRunning && !failure && <p className="quiet logs-none">Nothing was printed.</p>}
      </div>
    </div>
  );
}

function Coloured({ content, text }: { content: string; text: string }) {
  const shown = useMemo(() => pieces(content, text), [content, text]);
  return (
    <span>
      {shown.map(({ text: piece, style, colour, ground, isFound }, index) =>
        isFound ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: pieces have no name and no life of their own
          <mark key={index} className={style} style={own(colour, ground)}>
            {piece}
          </mark>
        ) : (
          // biome-ignore lint/suspicious/noArrayIndexKey: as above
          <span key={index} className={style} style={own(colour, ground)}>
            {piece}
          </span>
        ),
      )}
    </span>
  );
}

/** The colours keep their hue, and are made light or dark enough to be read on the ground of the page. */
const own = (colour?: string, ground?: string) =>
  colour || ground ? ({ "--own": colour, "--own-ground": ground } as CSSProperties) : undefined;

function save(lines: readonly Line[], { workflow, pod, container }: LogSource): void {
  const content = lines.map((line) => `${pod ? "" : `${line.pod}: `}${plain(line.content)}\n`);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(content, { type: "text/plain" }));
  link.download = `${pod || workflow}-${container}.log`;
  link.click();
  URL.revokeObjectURL(link.href);
}
