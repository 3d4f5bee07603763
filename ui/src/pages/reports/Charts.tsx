/** Bars: what each workflow took, and how many ended well and badly each day. The same numbers stand in the table below them. */
import { useNavigate } from "react-router";
import { local, span } from "../../parts/time";
import { type Day, isBad, type Run, ticks } from "./figures";

const WIDTH = 900;
const HEIGHT = 220;
const LEFT = 56;
const FOOT = 22;
const TALL = HEIGHT - FOOT - 8;

function Frame({
  label,
  marks,
  children,
}: {
  label: string;
  marks: { at: number; text: string }[];
  children: React.ReactNode;
}) {
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label} className="chart">
      {marks.map(({ at, text }) => (
        <g key={text}>
          <line x1={LEFT} x2={WIDTH} y1={8 + TALL * (1 - at)} y2={8 + TALL * (1 - at)} className="chart-line" />
          <text x={LEFT - 6} y={12 + TALL * (1 - at)} textAnchor="end">
            {text}
          </text>
        </g>
      ))}
      {children}
    </svg>
  );
}

function Ends({ first, last }: { first: string; last: string }) {
  return (
    <>
      <text x={LEFT} y={HEIGHT - 4}>
        {first}
      </text>
      {last !== first && (
        <text x={WIDTH} y={HEIGHT - 4} textAnchor="end">
          {last}
        </text>
      )}
    </>
  );
}

const day = (at: number) => new Date(at).toLocaleDateString(undefined, { dateStyle: "medium" });

export function Durations({ runs }: { runs: Run[] }) {
  const navigate = useNavigate();
  const marks = ticks(Math.max(...runs.map(({ took }) => took)));
  const most = marks.at(-1) ?? 1;
  const wide = (WIDTH - LEFT) / runs.length;
  return (
    <Frame
      label={`Durations of ${runs.length} workflows, oldest first`}
      marks={marks.map((at) => ({ at: at / most, text: span(at) }))}
    >
      {runs.map((run, i) => {
        const tall = Math.max(2, (TALL * run.took) / most);
        return (
          // biome-ignore lint/a11y/noStaticElementInteractions: the table below has the links
          <rect
            key={`${run.namespace}/${run.name}/${run.end}`}
            x={LEFT + i * wide}
            y={8 + TALL - tall}
            width={Math.min(18, Math.max(1, wide - (wide > 4 ? 1 : 0)))}
            height={tall}
            className={isBad(run) ? "chart-bad" : "chart-good"}
            onClick={() => navigate(`/workflows/${run.namespace}/${run.name}`)}
          >
            <title>{`${run.name}: ${run.phase} after ${span(run.took)}, ${local(new Date(run.end).toISOString())}`}</title>
          </rect>
        );
      })}
      <Ends first={day(runs[0]?.end ?? 0)} last={day(runs.at(-1)?.end ?? 0)} />
    </Frame>
  );
}

export function Days({ days }: { days: Day[] }) {
  const most = Math.max(...days.map(({ good, bad }) => good + bad));
  const wide = (WIDTH - LEFT) / days.length;
  const marks = [...new Set([0, Math.ceil(most / 2), most])].map((count) => ({
    at: count / most,
    text: String(count),
  }));
  return (
    <Frame label={`Ends on ${days.length} days, oldest first`} marks={marks}>
      {days.map(({ day: title, good, bad }, i) => {
        const x = LEFT + i * wide;
        const width = Math.min(28, Math.max(1, wide - 1));
        const low = (TALL * bad) / most;
        const high = (TALL * good) / most;
        return (
          <g key={title}>
            <rect x={x} y={8 + TALL - low} width={width} height={low} className="chart-bad" />
            <rect x={x} y={8 + TALL - low - high} width={width} height={high} className="chart-good" />
            <title>{`${title}: ${good} succeeded, ${bad} failed`}</title>
          </g>
        );
      })}
      <Ends first={days[0]?.day ?? ""} last={days.at(-1)?.day ?? ""} />
    </Frame>
  );
}
