/** When a schedule starts next, as the controller reads it. */
import { useQuery } from "@tanstack/react-query";
import { type Kept, schedulesOf, upcoming } from "../../api/kept";
import { local, span, useNow, at as when } from "../../parts/time";

const LATER = 30_000;

export function useUpcoming(one: Kept, count: number) {
  const schedules = schedulesOf(one);
  const zone = one.spec.timezone ?? "";
  return useQuery({
    queryKey: ["upcoming", schedules, zone, count],
    queryFn: ({ signal }) => upcoming(schedules, zone, count, signal),
    refetchInterval: LATER,
    enabled: schedules.length > 0,
    retry: false,
  });
}

export function NextStart({ one }: { one: Kept }) {
  const now = useNow();
  const { data, error } = useUpcoming(one, 1);
  if (error) return <span className="quiet">never: {error.message}</span>;
  const next = data?.[0];
  if (!next) return <>{data ? "never" : ""}</>;
  return <time dateTime={next} title={local(next)}>{`in ${span(when(next) - now)}`}</time>;
}

/** The next starts with their dates. */
export function NextStarts({ one }: { one: Kept }) {
  const now = useNow();
  const { data, error } = useUpcoming(one, 5);
  if (error) return <span className="quiet">never: {error.message}</span>;
  if (data?.length === 0) return <>never</>;
  return (
    <ol className="cron-starts" aria-label="Next starts">
      {data?.map((next) => (
        <li key={next}>
          <time dateTime={next}>{local(next)}</time> <span className="quiet">in {span(when(next) - now)}</span>
        </li>
      ))}
    </ol>
  );
}
