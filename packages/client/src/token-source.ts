import { TTL_SECONDS_DEFAULT, TTL_SECONDS_MAX, TTL_SECONDS_MIN } from "@countersign/protocol";
import { CountersignError } from "./countersign-error.ts";
import { pauseMs } from "./request/backoff.ts";
import { exchangeCall, type Grant } from "./exchange.ts";
import { type PrivateKeySource, prepareSigningKey } from "./key/load-signing-key.ts";
import { parseBaseUrl } from "./parse-base-url.ts";
import { createSend, type Dated } from "./request/send.ts";
import type { Warning } from "./request/warnings.ts";
import { KEY_CHALLENGE_CALL, type ProveKeyOptions, signKeyProof } from "./rotation/prove-key.ts";
import { rotateKey, type RotatedKey, type RotateKeyOptions } from "./rotation/rotate-key.ts";
import { type Clock, type Random, type Surroundings, SYSTEM } from "./surroundings.ts";
import { waitFor } from "./wait-for.ts";

/** Replacements for what the platform has, for tests and unusual platforms. */
type Replacements = { readonly [Name in keyof Surroundings]?: Surroundings[Name] | undefined };

/** What a token source needs, its settings, and what a test may replace. */
export interface TokenSourceOptions extends Replacements {
  /**
   * The service's address, such as `https://auth.example.com`; a path prefix is kept. Use plain http on one machine
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
   * Called when a refresh ahead of time fails, for a log line or a metric. Callers of `getToken` don't see that failure: the
   * token in use is still good, and the next call tries again. What this function throws is ignored.
   */
  readonly onRefreshFailed?: ((error: CountersignError) => void) | undefined;
  /**
   * Called with each warning of each token, such as `key_expires_soon`, and of a rotation, for a log line. A service that
   * warns does so with every token. What this function throws is ignored.
   */
  readonly onWarning?: ((warning: Warning) => void) | undefined;
}

export interface GetTokenOptions {
  /** Ends this caller's waiting. The exchange goes on for the others, and for the next call. */
  readonly signal?: AbortSignal | null | undefined;
  /**
   * Get a new token although the present one is good. {@link TokenSource.invalidate} is usually the better choice.
   */
  readonly fresh?: boolean | undefined;
}

/** Hands out tokens of one API user. */
export interface TokenSource {
  /** The service's address, without a slash at the end. */
  readonly baseUrl: string;
  /**
   * A token that is good for some time yet: the present one, or a new one.
   *
   * @throws {CountersignError} the server's refusal, or one of this SDK's own codes
   * @throws the signal's reason, once it is aborted
   */
  readonly getToken: (options?: GetTokenOptions) => Promise<string>;
  /** Drops a token that an API refused. Does nothing if another token has replaced it already. */
  readonly invalidate: (token: string) => void;
  /**
   * Replaces the user's key by a new one, if the user may rotate its keys. The present key is in use until a token by the
   * new one has come; then the new one is, unless `privateKey` is a function: it is asked again before each exchange, so let
   * it give the new key once this has resolved. If it fails after `store` was called, keep what was stored, and pass it as
   * `newPrivateKey` next time.
   *
   * @throws {CountersignError} the server's refusal, or one of this SDK's own codes
   */
  readonly rotateKey: (options: RotateKeyOptions) => Promise<RotatedKey>;
  /**
   * A proof that this program holds the private key, for an operator who adds its public half (`countersign key add
   * --proof`). It can be used once, for 10 minutes. The key needn't be added yet.
   *
   * @throws {CountersignError} the server's refusal, or one of this SDK's own codes
   */
  readonly proveKey: (options?: ProveKeyOptions) => Promise<string>;
}

/**
 * A refresh ahead of time starts at a random moment in this part of a token's life, so that many clients don't start at
 * once.
 */
const REFRESH_PART_FIRST = 0.8;
const REFRESH_PART_LAST = 0.9;

/** A token isn't handed out this shortly before its end, because the request still has to arrive. */
const MARGIN_SECONDS_MAX = 30;
const MARGIN_PART_MAX = 0.05;

interface HeldToken {
  readonly grant: Dated<Grant>;
  /** The age at which to refresh, and the age from which on this token isn't handed out, in milliseconds. */
  refreshAtMs: number;
  readonly endsAtMs: number;
  failedRefreshes: number;
}

/**
 * Makes a token source. It sends nothing yet. Make one per API user and process, and keep it.
 *
 * It starts no timers of its own. When a caller asks for a token and the present one is near its end, it is refreshed in the
 * background. Callers share one exchange.
 *
 * @throws {CountersignError} `options_invalid`, `key_unusable`
 */
export function createTokenSource(options: TokenSourceOptions): TokenSource {
  const settings = parseOptions(options);
  const { username, ttlSeconds, clock, random, onRefreshFailed, onWarning } = settings;
  const send = createSend(settings);

  let { loadSigningKey } = settings;
  let isRotating = false;
  let held: HeldToken | undefined;
  let running: { readonly token: Promise<string>; isWaitedFor: boolean } | undefined;

  /**
   * The running exchange, or a new one. It starts in the next microtask, so that it can't end before `running` is set.
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
        return keep(await send(exchangeCall(username, ttlSeconds, loadSigningKey), () => own.isWaitedFor));
      } finally {
        running = undefined;
      }
    }
  }

  function keep(grant: Dated<Grant>): string {
    held = hold(grant, random);
    for (const warning of grant.warnings) report(onWarning, warning);
    return grant.token;
  }

  function refreshInBackground(present: HeldToken): void {
    if (running !== undefined) return;
    start(false).catch((error: CountersignError) => {
      present.failedRefreshes++;
      const waitMs = Math.max(pauseMs(present.failedRefreshes, random), (error.retryAfterSeconds ?? 0) * 1000);
      present.refreshAtMs = ageOf(present.grant, clock) + waitMs;
      report(onRefreshFailed, error);
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
    async rotateKey(rotation: RotateKeyOptions) {
      if (isRotating) {
        throw new CountersignError("rotation_running", "The key of this token source is being rotated already.");
      }
      isRotating = true;
      try {
        const { rotated, signingKey, grant, warnings } = await rotateKey(
          { ...settings, send, loadSigningKey },
          rotation,
        );
        if (typeof options.privateKey !== "function") loadSigningKey = () => Promise.resolve(signingKey);
        for (const warning of warnings) report(onWarning, warning);
        keep(grant);
        return rotated;
      } finally {
        isRotating = false;
      }
    },
    async proveKey({ nonce, audience = settings.baseUrl }: ProveKeyOptions = {}) {
      for (const [name, value] of Object.entries({ nonce, audience })) {
        if (value !== undefined && typeof value !== "string") {
          throw new CountersignError("options_invalid", `${name} must be a text.`);
        }
      }
      const signingKey = await loadSigningKey();
      const challenge =
        nonce === undefined
          ? await send(KEY_CHALLENGE_CALL, () => true)
          : { nonce, issuedAtSeconds: Math.floor(clock.wallMs() / 1000) };
      return await signKeyProof(signingKey, audience, username, challenge);
    },
  });
}

/** Tells the application. A logger that fails must not cost it its token. */
function report<Value>(listener: ((value: Value) => void) | undefined, value: Value): void {
  try {
    listener?.(value);
  } catch {
    // It is the application's own failure.
  }
}

function hold(grant: Dated<Grant>, random: Random): HeldToken {
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
 * The greatest age that a token can have, in milliseconds. The wall clock counts a laptop's sleep; the monotonic clock isn't
 * misled when the time is set back.
 */
function ageOf({ sinceWallMs, sinceMonotonicMs }: Dated<Grant>, clock: Clock): number {
  return Math.max(clock.wallMs() - sinceWallMs, clock.monotonicMs() - sinceMonotonicMs);
}

/** Checks at run time what the types promise: values may come from environment variables. */
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
    onWarning: options.onWarning,
    clock: options.clock ?? clock,
    random: options.random ?? random,
    sleep: options.sleep ?? sleep,
    startTimer: options.startTimer ?? startTimer,
    fetch: options.fetch ?? fetch,
  };
}
