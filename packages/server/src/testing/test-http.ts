import { type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";

/**
 * How long an event may take, in milliseconds. Far longer than any event takes: it only keeps a broken test from
 * hanging.
 */
const EVENT_TIMEOUT_MS = 60_000;

/** An answer. */
export interface HttpAnswer {
  readonly status: number;
  /** By lower-case name; all values of a repeated header. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface HttpRequest {
  readonly headers?: Readonly<Record<string, string>>;
  /** Parts are sent one by one, without a Content-Length unless `headers` has one. */
  readonly body?: string | Buffer | readonly (string | Buffer)[];
}

/** Sends a request on a connection of its own, and reads the answer to its end. */
export async function send(
  url: string,
  method: string,
  { headers = {}, body = "" }: HttpRequest = {},
): Promise<HttpAnswer> {
  const outgoing = httpRequest(url, { method, headers, agent: false });
  const answered = answerOf(outgoing);
  if (Array.isArray(body)) for (const part of body as readonly (string | Buffer)[]) outgoing.write(part);
  outgoing.end(Array.isArray(body) ? undefined : body);
  const incoming = await answered;
  let text = "";
  for await (const chunk of incoming.setEncoding("utf8")) text += String(chunk);
  return { status: incoming.statusCode ?? 0, headers: headersOf(incoming), body: text };
}

/** Posts parameters as a form; a list of pairs may name one twice. */
export function postForm(
  url: string,
  parameters: Readonly<Record<string, string>> | readonly (readonly [string, string])[],
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer> {
  const body = new URLSearchParams(parameters as Record<string, string>).toString();
  return send(url, "POST", { headers: { "Content-Type": "application/x-www-form-urlencoded", ...headers }, body });
}

/** `Authorization: Basic …` */
export function basic(clientId: string, clientSecret: string): { readonly Authorization: string } {
  return { Authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString("base64")}` };
}

/** One event of a stream of Server-Sent Events. */
export interface StreamEvent {
  readonly event: string;
  /** The number in the id. */
  readonly id: string;
  /** The id as received, to resume after. */
  readonly wholeId: string;
  /** The id of the previous event, as the data names it. */
  readonly previous: unknown;
  /** The data's other members. */
  readonly data: unknown;
}

/** A reader of Server-Sent Events that takes them one by one. */
export interface EventStream {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The next event; `undefined` where the stream has ended. One call at a time. */
  next(): Promise<StreamEvent | undefined>;
  /** Everything received, as text. */
  text(): string;
  /** Stops reading from the connection. */
  pause(): void;
  resume(): void;
  /** Destroys the connection. */
  end(): void;
}

export async function openStream(url: string, headers: Readonly<Record<string, string>> = {}): Promise<EventStream> {
  const outgoing = httpRequest(url, { headers, agent: false });
  const incoming = await answerOf(outgoing.end());
  let text = "";
  let taken = 0;
  let isEnded = false;
  let wake = () => {};
  incoming.setEncoding("utf8");
  incoming.on("data", (chunk: string) => {
    text += chunk;
    wake();
  });
  // A connection reset by the server is an end too.
  incoming.on("error", () => undefined);
  incoming.on("close", () => {
    isEnded = true;
    wake();
  });
  function woken(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    wake = resolve;
    const deadline = setTimeout(() => {
      reject(new Error(`No event came within ${EVENT_TIMEOUT_MS} ms; before that: ${text.slice(-500)}`));
    }, EVENT_TIMEOUT_MS);
    return promise.finally(() => clearTimeout(deadline));
  }
  return {
    status: incoming.statusCode ?? 0,
    headers: headersOf(incoming),
    async next() {
      for (;;) {
        const end = text.indexOf("\n\n", taken);
        if (end >= 0) {
          const block = text.slice(taken, end);
          taken = end + 2;
          const event = parseEvent(block);
          if (event !== undefined) return event;
        } else if (isEnded) return undefined;
        else await woken();
      }
    },
    text: () => text,
    pause: () => void incoming.pause(),
    resume: () => void incoming.resume(),
    end: () => void outgoing.destroy(),
  };
}

/** A block of lines; `undefined` where it is no event, such as `retry:` alone. */
function parseEvent(block: string): StreamEvent | undefined {
  const fields = new Map(block.split("\n").map((line) => line.split(/: (.*)/s, 2) as [string, string]));
  const event = fields.get("event");
  if (event === undefined) return undefined;
  const wholeId = fields.get("id") ?? "";
  const { previous, ...data } = JSON.parse(fields.get("data") ?? "null") as Readonly<Record<string, unknown>>;
  return { event, id: wholeId.split("-")[0] ?? "", wholeId, previous, data };
}

function answerOf(outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.once("response", resolve);
    // Stays registered after the answer: a connection that fails then mustn't fail the test.
    outgoing.on("error", reject);
  });
}

function headersOf({ headers }: IncomingMessage): Record<string, string> {
  const pairs = Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : value]);
  return Object.fromEntries(pairs) as Record<string, string>;
}
