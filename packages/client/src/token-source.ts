import { TTL_SECONDS_DEFAULT, TTL_SECONDS_MAX, TTL_SECONDS_MIN } from "@countersign/protocol";
import { CountersignError } from "./countersign-error.ts";
import { pauseMs } from "./exchange/backoff.ts";
import { createExchange, type DatedGrant } from "./exchange/exchange.ts";
import { type PrivateKeySource, prepareSigningKey } from "./key/load-signing-key.ts";
import { parseBaseUrl } from "./parse-base-url.ts";
import { type Clock, type Random, type Surroundings, SYSTEM } from "./surroundings.ts";
import { waitFor } from "./wait-for.ts";

/** For tests, and for platforms that bring their own. Each is the platform's unless given. */
type Replacements = { readonly [Name in keyof Surroundings]?: Surroundings[Name] | undefined };

/** What a token source needs, what it may be told, and what a test may replace. */
export interface TokenSourceOptions extends Replacements {
  /**
   * Where the service is, such as `https://auth.example.com`; a path prefix is kept. Plain http is for one machine
   * only.
   */
  readonly baseUrl: string | URL;
  /** The API user, such as `api-1-demo`. */
  readonly username: string;
  /**
   * Its RSA private key: PEM (PKCS#8 or PKCS#1) as it comes from an environment variable or a file, a CryptoKey, a
   * promise of one of these, or a function that returns one and is called before each exchange.
   */
  readonly privateKey: PrivateKeySource;
  /** How long a token is to live, in whole seconds from 600 to 43200, inclusive. Default 3600. */
  readonly ttlSeconds?: number | undefined;
  /** How long one request to the service may take, in seconds. Default 10. */
  readonly attemptTimeoutSeconds?: number | undefined;
  /** How long `getToken` may take with all its attempts and the pauses between them, in seconds. Default 30. */
  readonly deadlineSeconds?: number | undefined;
  /**
   * Told of a refresh ahead of time that failed. No caller hears of it: the token in use is still good, and the next
   * call tries again. Made for a log line or a metric; what it throws is ignored.
   */
  readonly onRefreshFailed?: ((error: CountersignError) => void) | undefined;
}

export interface GetTokenOptions {
  /** Ends this caller's waiting. The exchange goes on for the others, and for the next call. */
  readonly signal?: AbortSignal | null | undefined;
  /**
   * Get a new token although the present one is good. A call of {@link TokenSource.invalidate} is usually what is
   * meant.
   */
  readonly fresh?: boolean | undefined;
}

/** Hands out tokens of one API user. */
export interface TokenSource {
  /** Where its service is, without a slash at the end. */
  readonly baseUrl: string;
  /**
   * A token that is good for some time yet: the present one, or a new one.
   *
   * @throws {CountersignError} the server's refusal, or one of this SDK's own codes
   * @throws the signal's reason, once it is aborted
   */
  readonly getToken: (options?: GetTokenOptions) => Promise<string>;
  /** Drops a token that an API refused. Any other than the present one was dropped before, so nothing happens then. */
  readonly invalidate: (token: string) => void;
}

/**
 * A refresh ahead of time starts somewhere in this part of a token's life, so that many clients don't start at once.
 */
const REFRESH_PART_FIRST = 0.8;
const REFRESH_PART_LAST = 0.9;

/** How long before its end a token isn't handed out any more: a request with it has to arrive, too. */
const MARGIN_SECONDS_MAX = 30;
const MARGIN_PART_MAX = 0.05;

interface HeldToken {
  readonly grant: DatedGrant;
  /** The age at which the next one is to be got, and the one from which on this isn't handed out, in milliseconds. */
  refreshAtMs: number;
  readonly endsAtMs: number;
  failedRefreshes: number;
}

/**
 * Makes a token source. Nothing is sent yet. Keep it: one for each API user and process.
 *
 * It starts no timers of its own. A token is refreshed when somebody asks for one and the present one is near its end,
 * in the background while that is still good; however many callers ask, one exchange is on its way.
 *
 * @throws {CountersignError} `options_invalid`, `key_unusable`
 */
export function createTokenSource(options: TokenSourceOptions): TokenSource {
  const settings = parseOptions(options);
  const { clock, random, onRefreshFailed } = settings;
  const exchange = createExchange(settings);

  let held: HeldToken | undefined;
  let running: { readonly token: Promise<string>; isWaitedFor: boolean } | undefined;

  /**
   * The exchange that is on its way, or a new one. It starts in the next microtask, so it can't end before it is noted.
   */
  function start(isWaitedFor: boolean): Promise<string> {
    if (running !== undefined) {
      running.isWaitedFor ||= isWaitedFor;
      return running.token;
    }
    const own = { token: Promise.resolve().then(run), isWaitedFor };
    running = own;
    return own.token;

    async function run(): Promise<string> {
      try {
        const grant = await exchange(() => own.isWaitedFor);
        held = hold(grant, random);
        return grant.token;
      } finally {
        running = undefined;
      }
    }
  }

  function refreshInBackground(present: HeldToken): void {
    if (running !== undefined) return;
    start(false).catch((error: CountersignError) => {
      present.failedRefreshes++;
      const waitMs = Math.max(pauseMs(present.failedRefreshes, random), (error.retryAfterSeconds ?? 0) * 1000);
      present.refreshAtMs = ageOf(present.grant, clock) + waitMs;
      try {
        onRefreshFailed?.(error);
      } catch {
        // An application's log must not decide over its tokens.
      }
    });
  }

  return Object.freeze({
    baseUrl: settings.baseUrl,
    async getToken({ signal, fresh = false }: GetTokenOptions = {}) {
      signal?.throwIfAborted();
      if (held !== undefined && !fresh) {
        const ageMs = ageOf(held.grant, clock);
        if (ageMs < held.endsAtMs) {
          if (ageMs >= held.refreshAtMs) refreshInBackground(held);
          return held.grant.token;
        }
      }
      return await waitFor(start(true), signal ?? undefined);
    },
    invalidate(token: string) {
      if (held?.grant.token === token) held = undefined;
    },
  });
}

function hold(grant: DatedGrant, random: Random): HeldToken {
  const lifeMs = grant.lifeSeconds * 1000;
  const part = REFRESH_PART_FIRST + random() * (REFRESH_PART_LAST - REFRESH_PART_FIRST);
  return {
    grant,
    refreshAtMs: lifeMs * part,
    endsAtMs: lifeMs - Math.min(MARGIN_SECONDS_MAX * 1000, lifeMs * MARGIN_PART_MAX),
    failedRefreshes: 0,
  };
}

/**
 * How old a token is at most, in milliseconds, whatever happened to this machine's clocks: the wall clock knows of a
 * laptop's sleep, the monotonic one isn't fooled when somebody sets the time back.
 */
function ageOf({ sinceWallMs, sinceMonotonicMs }: DatedGrant, clock: Clock): number {
  return Math.max(clock.wallMs() - sinceWallMs, clock.monotonicMs() - sinceMonotonicMs);
}

/** Checks what the types can't: it may come from an environment variable. */
function parseOptions(options: TokenSourceOptions) {
  const { username, ttlSeconds = TTL_SECONDS_DEFAULT, attemptTimeoutSeconds = 10, deadlineSeconds = 30 } = options;
  const baseUrl = parseBaseUrl(options.baseUrl);
  if (typeof username !== "string" || username === "") {
    throw new CountersignError("options_invalid", "username must be a text that isn't empty.");
  }
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < TTL_SECONDS_MIN || ttlSeconds > TTL_SECONDS_MAX) {
    throw new CountersignError(
      "options_invalid",
      `ttlSeconds must be a whole number from ${TTL_SECONDS_MIN} to ${TTL_SECONDS_MAX}.`,
    );
  }
  for (const [name, seconds] of Object.entries({ attemptTimeoutSeconds, deadlineSeconds })) {
    // The upper bound is that of timers: beyond 2^31 ms they fire at once.
    if (!(typeof seconds === "number" && seconds > 0 && seconds <= 86_400)) {
      throw new CountersignError("options_invalid", `${name} must be above 0 and at most 86400.`);
    }
  }
  const { clock, random, sleep, startTimer, fetch } = SYSTEM;
  return {
    baseUrl,
    username,
    ttlSeconds,
    attemptTimeoutMs: attemptTimeoutSeconds * 1000,
    deadlineMs: deadlineSeconds * 1000,
    loadSigningKey: prepareSigningKey(options.privateKey),
    onRefreshFailed: options.onRefreshFailed,
    clock: options.clock ?? clock,
    random: options.random ?? random,
    sleep: options.sleep ?? sleep,
    startTimer: options.startTimer ?? startTimer,
    fetch: options.fetch ?? fetch,
  };
}
