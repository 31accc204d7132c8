/**
 * Requests to the service: sign, send, and decide what a failure means. What a request says, and what its answer says, is
 * its caller's.
 */
import { CountersignError } from "../countersign-error.ts";
import type { Surroundings } from "../surroundings.ts";
import { withTimeout } from "../wait-for.ts";
import { parseDate, pauseMs } from "./backoff.ts";
import { type AnswerReader, readAnswer } from "./read-answer.ts";

export interface SendDependencies extends Surroundings {
  /** Without a slash at its end. */
  readonly baseUrl: string;
  /** How long one request may take, and how long all attempts together, in milliseconds. */
  readonly attemptTimeoutMs: number;
  readonly deadlineMs: number;
}

/** One attempt of a call. */
export interface Attempt {
  /** The path under the base URL, and the query. */
  readonly target: string;
  readonly init: Pick<RequestInit, "method" | "body"> & { readonly headers?: Readonly<Record<string, string>> };
  /** What was signed for the request. No part of it appears in an error. */
  readonly secrets: readonly string[];
}

/** A kind of request. */
export interface Call<Result> {
  /** Loads what all attempts need, such as the key, and returns what makes each attempt. */
  readonly begin: () => Promise<(nowSeconds: number) => Promise<Attempt>>;
  readonly read: AnswerReader<Result>;
}

/** A result, and the moment before it was asked for. A token's life counts from then, so that it is never kept too long. */
export type Dated<Result> = Result & { readonly sinceWallMs: number; readonly sinceMonotonicMs: number };

/**
 * Makes a call, and repeats it after failures that may pass.
 *
 * @param isWaitedFor whether a caller waits; asked after each failure. If none does, the first failure ends the call: a
 * background refresh must not keep a process alive, and the next caller starts another
 * @throws {CountersignError} the error of the last attempt
 */
export type Send = <Result extends object>(call: Call<Result>, isWaitedFor: () => boolean) => Promise<Dated<Result>>;

/** The result of one request. A failure is a value, because the next step depends on it. */
type Outcome<Result> =
  | { readonly result: Dated<Result> }
  | { readonly error: CountersignError; readonly serverWallMs: number | undefined };

/** Most requests of one call. The deadline usually comes first. */
const ATTEMPTS_MAX = 8;

/**
 * Makes the sender of one token source. It remembers two things from one call to the next: the difference between this
 * machine's clock and the server's, and how long the server asked clients to wait.
 */
export function createSend(dependencies: SendDependencies): Send {
  const { clock, random, sleep, startTimer, deadlineMs } = dependencies;
  let offsetMs = 0;
  let quiet: { readonly untilMs: number; readonly reason: CountersignError } | undefined;

  /** How much longer the server asked to wait, in milliseconds. */
  const quietMs = () => (quiet === undefined ? 0 : quiet.untilMs - clock.monotonicMs());

  return async (call, isWaitedFor) => {
    const endMs = clock.monotonicMs() + deadlineMs;
    const remainingMs = () => endMs - clock.monotonicMs();

    if (quiet !== undefined && quietMs() > 0) {
      const waitMs = quietMs() + pauseMs(1, random);
      if (!isWaitedFor() || waitMs >= remainingMs()) throw stillQuiet(quiet.reason, quietMs());
      await sleep(waitMs);
    }
    const makeAttempt = await withTimeout(startTimer, remainingMs(), () => late("The private key"), call.begin);
    let isSignedAgain = false;
    for (let failures = 0; ; ) {
      const outcome = await attempt(dependencies, makeAttempt, call.read, offsetMs, remainingMs());
      if ("result" in outcome) return outcome.result;
      const { error, serverWallMs } = outcome;

      if (isSkewRefusal(error) && serverWallMs !== undefined && !isSignedAgain) {
        isSignedAgain = true;
        offsetMs = serverWallMs - clock.wallMs();
        continue;
      }
      failures++;
      if (isPassing(error) && error.retryAfterSeconds !== undefined) {
        quiet = { untilMs: clock.monotonicMs() + error.retryAfterSeconds * 1000, reason: error };
      }
      if (!isPassing(error) || failures === ATTEMPTS_MAX || !isWaitedFor()) throw error;
      const waitMs = Math.max(0, quietMs()) + pauseMs(failures, random);
      if (waitMs >= remainingMs()) throw error;
      await sleep(waitMs);
    }
  };
}

/** Signs and sends one request. */
async function attempt<Result extends object>(
  { baseUrl, attemptTimeoutMs, clock, fetch, startTimer }: SendDependencies,
  makeAttempt: (nowSeconds: number) => Promise<Attempt>,
  read: AnswerReader<Result>,
  offsetMs: number,
  remainingMs: number,
): Promise<Outcome<Result>> {
  const sinceWallMs = clock.wallMs();
  const sinceMonotonicMs = clock.monotonicMs();
  let serverWallMs: number | undefined;
  try {
    const timeoutMs = Math.min(attemptTimeoutMs, remainingMs);
    const result = await withTimeout(
      startTimer,
      timeoutMs,
      () => late("The answer"),
      async (signal) => {
        const { target, init, secrets } = await makeAttempt((sinceWallMs + offsetMs) / 1000);
        const response = await fetch(`${baseUrl}${target}`, {
          ...init,
          headers: { Accept: "application/json", ...init.headers },
          // An assertion can be used by any holder, so it isn't sent on. Not "error": some edge platforms don't support
          // it, and a redirect deserves a better message.
          redirect: "manual",
          signal,
        });
        // The header has whole seconds; on average the server was in the middle of that second.
        const dateMs = parseDate(response.headers);
        serverWallMs = dateMs === undefined ? undefined : dateMs + 500;
        return await readAnswer(response, secrets, clock.wallMs(), read);
      },
    );
    return { result: { ...result, sinceWallMs, sinceMonotonicMs } };
  } catch (error) {
    return { error: error instanceof CountersignError ? error : networkError(error), serverWallMs };
  }
}

function isSkewRefusal({ code }: CountersignError): boolean {
  return code === "assertion_stale" || code === "assertion_early";
}

/**
 * Whether the same request may succeed a little later. A 403 or another refusal stays until an operator acts.
 */
export function isPassing({ code, status = 0 }: CountersignError): boolean {
  return code === "network" || code === "timeout" || status >= 500 || status === 429 || status === 408;
}

function stillQuiet(reason: CountersignError, ms: number): CountersignError {
  const { code, message, hint, status, requestId } = reason;
  return new CountersignError(code, message, { hint, status, requestId, retryAfterSeconds: Math.ceil(ms / 1000) });
}

function late(what: string): CountersignError {
  return new CountersignError("timeout", `${what} didn't come in time.`, {
    hint: "Is the service up? attemptTimeoutSeconds and deadlineSeconds set how long the SDK waits.",
  });
}

/**
 * What `fetch` threw, without its message and cause, which may hold the request's headers. Node and Bun give the system's
 * error as a code.
 */
function networkError(error: unknown): CountersignError {
  const code = systemCode(error) ?? systemCode((error as { cause?: unknown } | undefined)?.cause);
  return new CountersignError(
    "network",
    `The service can't be reached${code === undefined ? "" : ` (${code})`}, or the connection broke.`,
    { hint: "Check baseUrl, name resolution, proxies and TLS certificates between here and the service." },
  );
}

function systemCode(error: unknown): string | undefined {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^[A-Za-z][A-Za-z0-9_]{2,47}$/.test(code) ? code : undefined;
}
