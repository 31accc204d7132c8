/**
 * A companion process with many clients: they ask every source for tokens' verdicts until they are stopped, and record
 * each answer with its times. hammer-judge.ts judges the answers afterwards.
 */
import { setTimeout as wait } from "node:timers/promises";
import { offer } from "./companion.ts";
import { type Asked, type VerdictSource, VERDICT_SOURCES, type Outcome, OUTCOMES } from "./hammer-judge.ts";
import { createRandom } from "./random.ts";
import { type RawAnswer, requestHead } from "../../packages/server/src/testing/raw-http.ts";
import { connectTimed } from "./timed-client.ts";

export interface HammerOptions {
  readonly clients: number;
  readonly urls: Readonly<Record<VerdictSource, string>>;
  /** The value of the `Authorization` header for introspection. */
  readonly resourceServer: string;
  readonly tokens: readonly { readonly keyId: number; readonly token: string }[];
  /** How long each client pauses after it has asked every source, in milliseconds. */
  readonly pauseMs: number;
}

/** One request: its start and end, and the three indexes. */
type Row = readonly [startedAtMs: number, endedAtMs: number, source: number, token: number, outcome: number];

const rows: Row[] = [];
const over = new AbortController();
let clients: readonly Promise<void>[] = [];

const functions = {
  /** Resolves at once; a client's failure is reported at the end. */
  begin(options: HammerOptions): void {
    clients = Array.from({ length: options.clients }, (_, number) => hammer(number, options));
    for (const client of clients) client.catch(() => undefined);
  },

  async end(): Promise<Asked> {
    over.abort();
    await Promise.all(clients);
    return {
      startedAtMs: Float64Array.from(rows, (row) => row[0]),
      endedAtMs: Float64Array.from(rows, (row) => row[1]),
      source: Uint8Array.from(rows, (row) => row[2]),
      token: Uint8Array.from(rows, (row) => row[3]),
      outcome: Uint8Array.from(rows, (row) => row[4]),
    };
  },
};

export type HammerClients = typeof functions;

async function hammer(number: number, options: HammerOptions): Promise<void> {
  const { urls, tokens, pauseMs } = options;
  const sources = await Promise.all(VERDICT_SOURCES.map((source) => connectTimed(urls[source])));
  const requests = VERDICT_SOURCES.map((source) => tokens.map(({ token }) => requestFor(source, token, options)));
  const random = createRandom(number + 1);
  while (!over.signal.aborted) {
    for (const [source, client] of sources.entries()) {
      const token = Math.floor(random() * tokens.length);
      const answer = await client.ask(requests[source]?.[token] ?? "");
      const outcome = outcomeOf(VERDICT_SOURCES[source] ?? "check", answer, tokens[token]?.keyId ?? 0);
      rows.push([answer.startedAtMs, answer.endedAtMs, source, token, OUTCOMES.indexOf(outcome)]);
    }
    await wait(pauseMs);
  }
  for (const client of sources) client.end();
}

function requestFor(source: VerdictSource, token: string, { resourceServer }: HammerOptions): string {
  if (source !== "introspection") {
    const path = source === "check" ? "/api/auth/v0/check/" : "/v1/me";
    return requestHead("GET", path, [["Authorization", `Token ${token}`]]);
  }
  const body = `token=${encodeURIComponent(token)}`;
  const head = requestHead("POST", "/oauth2/introspect", [
    ["Authorization", resourceServer],
    ["Content-Type", "application/x-www-form-urlencoded"],
    ["Content-Length", String(body.length)],
  ]);
  return head + body;
}

function outcomeOf(source: VerdictSource, answer: RawAnswer, keyId: number): Outcome {
  const { status, body } = answer;
  if (status === 503) return "undecided";
  // A middleware that was just started can't distinguish a revoked token from a foreign one; the check can.
  if (status === 403 && source !== "introspection") return "no";
  if (status === 401 && (source === "verifier" || source === "far verifier")) return "no";
  if (status !== 200) return "unexpected";
  if (source === "check") return Number(answer.header("x-auth-key-id")) === keyId ? "yes" : "wrong key";
  const said = JSON.parse(body) as { readonly active?: boolean; readonly key_id?: number };
  if (said.active === false) return "no";
  return said.key_id === keyId ? "yes" : "wrong key";
}

offer(functions);
