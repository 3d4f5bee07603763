/** Answers without end, as server-sent events. fetch instead of EventSource: it sends the token and says why it was refused. */
import { EventSourceParserStream } from "eventsource-parser/stream";
import { address, headers, type Query, Refused, send } from "./request";
import { type Listening, listenFor, overheard } from "./silence";

/** The server sends a sign of life every 15 seconds where it has nothing to say. */
const SILENCE = 45_000;

interface Message<T> {
  result?: T;
  error?: { http_code?: number; message?: string };
}

/** The messages of one connection until the server ends it, or has gone silent. */
export async function* messages<T>(path: string, query: Query, signal: AbortSignal): AsyncGenerator<T> {
  const listening = listenFor(SILENCE, signal);
  try {
    yield* received<T>(address(path, query), listening);
  } finally {
    listening.stop();
  }
}

async function* received<T>(url: string, { signal, heard }: Listening): AsyncGenerator<T> {
  const answer = await send(url, { headers: headers({ Accept: "text/event-stream" }), signal });
  if (!answer.body) return;
  const events = answer.body
    .pipeThrough(overheard(heard))
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream());
  const reader = events.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const message = JSON.parse(value.data) as Message<T>;
      if (message.error)
        throw new Refused(message.error.http_code ?? 500, message.error.message ?? "the stream failed");
      if (message.result !== undefined) yield message.result;
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}
