/** The list itself: only the rows that are seen are in the document. */
import "./rows.css";
import { type CSSProperties, type KeyboardEvent, memo, useEffect, useState } from "react";
import { Link, useNavigate } from "react-router";
import type { OwnColumn } from "../../api/info";
import { keyOf } from "../../api/live";
import type { Workflow } from "../../api/types";
import { archiving } from "../../api/workflows";
import { Marked } from "../../parts/Marked";
import { useIsNarrow } from "../../parts/narrow";
import { PhaseMark } from "../../parts/PhaseMark";
import { at, duration, local, span, useNow } from "../../parts/time";
import { useKeyedRows } from "../../parts/useKeyedRows";
import { COLUMNS, type Column, type Order } from "./order";

interface Props {
  rows: Workflow[];
  isManyNamespaces: boolean;
  chosen: ReadonlySet<string>;
  onChoose: (chosen: ReadonlySet<string>) => void;
  order: Order;
  onOrder: (order: Order) => void;
  /** Columns of the configuration: a label or an annotation each. */
  own: OwnColumn[];
  onEnd: (() => void) | undefined;
}

const HEADINGS: Record<Column, string> = {
  name: "Name",
  phase: "Phase",
  age: "Age",
  duration: "Duration",
  progress: "Progress",
};

export function Rows({ rows, isManyNamespaces, chosen, onChoose, order, onOrder, own, onEnd }: Props) {
  const isNarrow = useIsNarrow();
  const [active, setActive] = useState(0);
  const { scroll, virtual, focusOn } = useKeyedRows({
    count: rows.length,
    height: isNarrow ? 58 : 34,
    active,
    keyOf: (index) => keyOf(rows[index] as Workflow),
  });
  const seen = virtual.getVirtualItems();
  const last = virtual.range?.endIndex ?? 0;
  useEffect(() => {
    if (onEnd && last >= rows.length - 40) onEnd();
  }, [last, rows.length, onEnd]);

  const toggle = (key: string) => onChoose(without(chosen, key));
  const allChosen = rows.length > 0 && rows.every((one) => chosen.has(keyOf(one)));
  const move = (to: number) => {
    setActive(to);
    focusOn(to);
  };
  const press = useRowKeys({ rows, toggle, move });

  return (
    <div
      className="rows card"
      role="grid"
      aria-label="Workflows"
      aria-rowcount={rows.length + 1}
      aria-multiselectable="true"
      style={{ "--own": own.length ? `repeat(${own.length}, minmax(60px, 1.2fr))` : undefined } as CSSProperties}
    >
      <div className="rows-row rows-head" role="row" aria-rowindex={1}>
        <Cell name="check" head>
          <input
            type="checkbox"
            aria-label="Choose all"
            checked={allChosen}
            onChange={() => onChoose(new Set(allChosen ? [] : rows.map(keyOf)))}
          />
        </Cell>
        {COLUMNS.map((column) => (
          <Cell
            key={column}
            name={column}
            head
            sort={order.by === column ? (order.isDown ? "descending" : "ascending") : "none"}
          >
            <button type="button" onClick={() => onOrder({ by: column, isDown: order.by === column && !order.isDown })}>
              {HEADINGS[column]} <span aria-hidden="true">{order.by === column ? (order.isDown ? "↓" : "↑") : ""}</span>
            </button>
          </Cell>
        ))}
        {own.map(({ name, type, key }) => (
          <Cell key={`${type}/${key}`} name="own" head title={`${type} ${key}`}>
            {name || key}
          </Cell>
        ))}
        <Cell name="message" head>
          Message
        </Cell>
      </div>
      <div className="rows-scroll" ref={scroll} onKeyDown={press} role="rowgroup">
        <div role="presentation" style={{ height: virtual.getTotalSize(), position: "relative" }}>
          {seen.map(({ index, key, start, size }) => (
            <Row
              key={key}
              index={index}
              top={start}
              height={size}
              workflow={rows[index] as Workflow}
              isActive={index === Math.min(active, rows.length - 1)}
              isChosen={chosen.has(key as string)}
              isManyNamespaces={isManyNamespaces}
              own={own}
              onToggle={toggle}
            />
          ))}
        </div>
      </div>
    </div>
  );
}

function without(all: ReadonlySet<string>, key: string): ReadonlySet<string> {
  const next = new Set(all);
  if (!next.delete(key)) next.add(key);
  return next;
}

interface Keys {
  rows: Workflow[];
  toggle: (key: string) => void;
  move: (to: number) => void;
}

function useRowKeys({ rows, toggle, move }: Keys) {
  const navigate = useNavigate();
  return (event: KeyboardEvent) => {
    // of the row that has the focus itself: what is inside of a row has keys of its own
    const index = event.target instanceof HTMLElement ? Number(event.target.dataset.index ?? -1) : -1;
    const row = rows[index];
    if (!row) return;
    const steps: Record<string, number> = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: 15, PageUp: -15 };
    const step = event.key === "Home" ? -rows.length : event.key === "End" ? rows.length : steps[event.key];
    if (step !== undefined) move(Math.max(0, Math.min(rows.length - 1, index + step)));
    else if (event.key === " " || event.key === "x") toggle(keyOf(row));
    else if (event.key === "Enter") navigate(addressOf(row));
    else return;
    event.preventDefault();
  };
}

export const addressOf = ({ metadata }: Workflow) =>
  `/workflows/${metadata.namespace}/${metadata.name}${archiving(metadata) === "Persisted" ? `?uid=${metadata.uid}` : ""}`;

interface RowProps {
  index: number;
  top: number;
  height: number;
  workflow: Workflow;
  isActive: boolean;
  isChosen: boolean;
  isManyNamespaces: boolean;
  own: OwnColumn[];
  onToggle: (key: string) => void;
}

const Row = memo(function Row({
  index,
  top,
  height,
  workflow,
  isActive,
  isChosen,
  isManyNamespaces,
  own,
  onToggle,
}: RowProps) {
  const { metadata, status, spec } = workflow;
  const title = metadata.annotations?.["workflows.argoproj.io/title"];
  return (
    <div
      className="rows-row"
      role="row"
      data-index={index}
      data-name={metadata.name}
      aria-rowindex={index + 2}
      aria-selected={isChosen}
      tabIndex={isActive ? 0 : -1}
      style={{ transform: `translateY(${top}px)`, height }}
    >
      <Cell name="check">
        <input
          type="checkbox"
          tabIndex={-1}
          aria-label={`Choose ${metadata.name}`}
          checked={isChosen}
          onChange={() => onToggle(keyOf(workflow))}
        />
      </Cell>
      <Cell name="name">
        {isManyNamespaces && <span className="quiet">{metadata.namespace}/</span>}
        <Link
          to={addressOf(workflow)}
          title={metadata.annotations?.["workflows.argoproj.io/description"] ?? metadata.name}
        >
          {title ? <Marked text={title} line plainLinks /> : metadata.name}
        </Link>
        {archiving(metadata) === "Persisted" && <span className="rows-tag">archived</span>}
        {spec?.suspend && <span className="rows-tag">suspended</span>}
      </Cell>
      <Cell name="phase">
        <PhaseMark phase={status?.phase} />
      </Cell>
      <Age created={metadata.creationTimestamp} />
      <Lasted start={status?.startedAt} end={status?.finishedAt} />
      <Cell name="progress">{status?.progress}</Cell>
      {own.map(({ type, key }) => {
        const value = (type === "annotation" ? metadata.annotations : metadata.labels)?.[key];
        return (
          <Cell key={`${type}/${key}`} name="own" title={value}>
            {value}
          </Cell>
        );
      })}
      <Cell name="message" title={status?.message}>
        {status?.message}
      </Cell>
    </div>
  );
});

interface CellProps {
  name: string;
  head?: boolean;
  sort?: "ascending" | "descending" | "none";
  title?: string | undefined;
  children?: React.ReactNode;
}

function Cell({ name, head, sort, title, children }: CellProps) {
  return (
    <div
      className={`rows-${name}`}
      role={head ? "columnheader" : "gridcell"}
      {...(sort && { "aria-sort": sort })}
      title={title}
    >
      {children}
    </div>
  );
}

/** The clock moves in these two cells alone: a second costs no row. */
function Age({ created }: { created: string | undefined }) {
  const now = useNow();
  return (
    <Cell name="age" title={local(created)}>
      {created ? span(now - at(created)) : ""}
    </Cell>
  );
}

function Lasted({ start, end }: { start: string | null | undefined; end: string | null | undefined }) {
  const now = useNow();
  return <Cell name="duration">{duration(start, end, now)}</Cell>;
}
