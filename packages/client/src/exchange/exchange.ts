import { ASSERTION_SCHEME, REFRESH_PATH } from "@countersign/protocol";
import { CountersignError } from "../countersign-error.ts";
import type { LoadSigningKey, SigningKey } from "../key/load-signing-key.ts";
import { signAssertion } from "../sign-assertion.ts";
import type { Surroundings } from "../surroundings.ts";
import { withTimeout } from "../wait-for.ts";
import { parseDate, pauseMs } from "./backoff.ts";
import { type Grant, readAnswer } from "./read-answer.ts";

export interface ExchangeDependencies extends Surroundings {
  /** Without a slash at its end. */
  readonly baseUrl: string;
  readonly username: string;
  readonly ttlSeconds: number;
  readonly loadSigningKey: LoadSigningKey;
  /** How long one request may take, and how long all of an exchange, in milliseconds. */
  readonly attemptTimeoutMs: number;
  readonly deadlineMs: number;
}

/**
 * A token, and the moment before it was asked for. Its life counts from then, so that it is never kept too long.
 */
export interface DatedGrant extends Grant {
  readonly sinceWallMs: number;
  readonly sinceMonotonicMs: number;
}

/**
 * Gets a token.
 *
 * @param isWaitedFor whether a caller waits; called after each failure. A background refresh ends with its first failure: it
 * must not keep a process alive, and the next caller starts another
 * @throws {CountersignError} the error of the last attempt
 */
export type Exchange = (isWaitedFor: () => boolean) => Promise<DatedGrant>;

/** The result of one request. A failure is a value, because the next step depends on it. */
type Outcome =
  | { readonly grant: DatedGrant }
  | { readonly error: CountersignError; readonly serverWallMs: number | undefined };

/** Most requests of one exchange. The deadline usually comes first. */
const ATTEMPTS_MAX = 8;

/**
 * The client's side of the exchange: sign, send, and decide what a failure means. It remembers two things from one exchange to
 * the next: the difference between this machine's clock and the server's, and how long the server asked clients to wait.
 */
export function createExchange(dependencies: ExchangeDependencies): Exchange {
  const { clock, random, sleep, startTimer, deadlineMs, loadSigningKey } = dependencies;
  let offsetMs = 0;
  let quiet: { readonly untilMs: number; readonly reason: CountersignError } | undefined;

  /** How much longer the server asked to wait, in milliseconds. */
  const quietMs = () => (quiet === undefined ? 0 : quiet.untilMs - clock.monotonicMs());

  return async (isWaitedFor) => {
    const endMs = clock.monotonicMs() + deadlineMs;
    const remainingMs = () => endMs - clock.monotonicMs();

    if (quiet !== undefined && quietMs() > 0) {
      const waitMs = quietMs() + pauseMs(1, random);
      if (!isWaitedFor() || waitMs >= remainingMs()) throw stillQuiet(quiet.reason, quietMs());
      await sleep(waitMs);
    }
    const signingKey = await withTimeout(startTimer, remainingMs(), () => late("The private key"), loadSigningKey);
    let isSignedAgain = false;
    for (let failures = 0; ; ) {
      const outcome = await requestToken(dependencies, signingKey, offsetMs, remainingMs());
      if ("grant" in outcome) return outcome.grant;
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

/** Signs and sends one assertion. */
async function requestToken(
  { baseUrl, username, ttlSeconds, attemptTimeoutMs, clock, fetch, startTimer }: ExchangeDependencies,
  signingKey: SigningKey,
  offsetMs: number,
  remainingMs: number,
): Promise<Outcome> {
  const sinceWallMs = clock.wallMs();
  const sinceMonotonicMs = clock.monotonicMs();
  let serverWallMs: number | undefined;
  try {
    const timeoutMs = Math.min(attemptTimeoutMs, remainingMs);
    const grant = await withTimeout(
      startTimer,
      timeoutMs,
      () => late("The answer"),
      async (signal) => {
        const assertion = await signAssertion(signingKey, username, (sinceWallMs + offsetMs) / 1000);
        const response = await fetch(`${baseUrl}${REFRESH_PATH}?ttl=${ttlSeconds}`, {
          headers: { Accept: "application/json", Authorization: `${ASSERTION_SCHEME} ${assertion}` },
          // An assertion can be exchanged by any holder, so it isn't sent on. Not "error": some edge platforms don't
          // support it, and a redirect deserves a better message.
          redirect: "manual",
          signal,
        });
        // The header has whole seconds; on average the server was in the middle of that second.
        const dateMs = parseDate(response.headers);
        serverWallMs = dateMs === undefined ? undefined : dateMs + 500;
        return await readAnswer(response, assertion, clock.wallMs());
      },
    );
    return { grant: { ...grant, sinceWallMs, sinceMonotonicMs } };
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
function isPassing({ code, status = 0 }: CountersignError): boolean {
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
