import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { follow } from "./follow";
import { Refused } from "./request";
import { listenFor } from "./silence";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("silence ends it with a reason, and whoever is heard in time goes on", () => {
  const { signal, heard } = listenFor(45_000, new AbortController().signal);
  vi.advanceTimersByTime(44_000);
  heard();
  vi.advanceTimersByTime(44_000);
  expect(signal.aborted).toBe(false);
  vi.advanceTimersByTime(1000);
  expect(signal.reason).toBeInstanceOf(Refused);
  expect(signal.reason.message).toBe("The server has said nothing for 45 seconds.");
});

test("who is not waited for any more is not missed", () => {
  const { signal, stop } = listenFor(45_000, new AbortController().signal);
  stop();
  vi.advanceTimersByTime(100_000);
  expect(signal.aborted).toBe(false);
});

test("a watch that has gone silent is told, and begun anew", async () => {
  vi.stubGlobal("document", { baseURI: "http://page.example/", cookie: "" });
  let watches = 0;
  vi.stubGlobal("fetch", async (_url: string, { signal }: RequestInit) => {
    watches += 1;
    // headers and one comment come, then nothing more: the machine between has forgotten the connection
    const body = new ReadableStream<Uint8Array>({
      start(out) {
        out.enqueue(new TextEncoder().encode(":\n"));
        signal?.addEventListener("abort", () => out.error(signal.reason));
      },
    });
    return new Response(body);
  });
  const states: string[] = [];
  const end = follow({
    load: async () => "1",
    watch: { path: "watch", query: {} },
    change: () => undefined,
    state: (state, failure) => states.push(failure ? `${state}: ${failure.message}` : state),
  });
  await vi.advanceTimersByTimeAsync(44_000);
  expect([watches, states]).toEqual([1, ["loading", "live"]]);
  await vi.advanceTimersByTimeAsync(2000);
  expect([watches, states]).toEqual([
    2,
    ["loading", "live", "broken: The server has said nothing for 45 seconds.", "live"],
  ]);
  end();
});
