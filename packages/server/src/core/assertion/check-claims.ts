import { ISSUED_AT_SECONDS_MAX, SKEW_SECONDS_MAX } from "@countersign/protocol";
import { Refusal } from "../refusal.ts";
import type { UnverifiedObject } from "./parse-jws.ts";

/** The claims that this service reads; their types are checked. Seconds are since the epoch and may have fractions. */
export interface UnverifiedClaims {
  readonly username: string;
  readonly issuedAtSeconds: number;
  readonly expiresAtSeconds: number | undefined;
  readonly notBeforeSeconds: number | undefined;
  readonly audience: readonly string[] | undefined;
}

/** The audiences with which an endpoint accepts or refuses an assertion. */
export interface Audiences {
  /** Names of the endpoint. The first is the one to recommend. */
  readonly accepted: ReadonlySet<string>;
  /** Is `aud` required? */
  readonly isRequired: boolean;
  /** Names of other endpoints. An assertion that names one of them is refused here. */
  readonly foreign: ReadonlySet<string>;
}

/**
 * Reads the claims; other claims are ignored (RFC 7519 §4).
 *
 * @throws {Refusal} `assertion_claims` if `username` or `iat` is missing or a claim has the wrong type,
 *   `assertion_audience` if `aud` is neither a string nor an array of strings
 */
export function parseClaims(claims: UnverifiedObject): UnverifiedClaims {
  const username = own(claims, "username");
  if (typeof username !== "string" || username === "") {
    throw new Refusal("assertion_claims", `The assertion's username is ${describe(username)}; a string is needed.`, {
      hint: "Put the API user's name, such as api-1-demo, into the claim username.",
    });
  }
  const issuedAtSeconds = numericDate(claims, "iat");
  if (issuedAtSeconds === undefined) {
    throw new Refusal("assertion_claims", "The assertion has no iat.", {
      hint: "Put the current time, in seconds since the epoch, into the claim iat.",
    });
  }
  return {
    username,
    issuedAtSeconds,
    expiresAtSeconds: numericDate(claims, "exp"),
    notBeforeSeconds: numericDate(claims, "nbf"),
    audience: parseAudience(claims),
  };
}

/**
 * Checks `iat` against the server's clock, to the microsecond. An `iat` exactly 61 s off is accepted (RFC 7519 §4.1.6).
 *
 * @throws {Refusal} `assertion_stale`, `assertion_early` if `iat` is more than 61 s from now: 60 s and one second of grace
 */
export function checkIssuedAt({ issuedAtSeconds }: UnverifiedClaims, nowSeconds: number): void {
  const ageSeconds = secondsBetween(issuedAtSeconds, nowSeconds);
  if (ageSeconds > ISSUED_AT_SECONDS_MAX) {
    throw new Refusal("assertion_stale", `The assertion's iat is ${inThePast(ageSeconds)}`, {
      hint: `Check the client's clock, and sign a new assertion for each exchange: ${serverTime(nowSeconds)}`,
    });
  }
  checkNotAhead(issuedAtSeconds, nowSeconds);
}

/** @throws {Refusal} `assertion_early` if `iat` is more than 61 s ahead */
export function checkNotAhead(issuedAtSeconds: number, nowSeconds: number): void {
  const aheadSeconds = secondsBetween(nowSeconds, issuedAtSeconds);
  if (aheadSeconds > ISSUED_AT_SECONDS_MAX) {
    // 1e11 s is the year 5138, and 1e11 ms is 1973, so a larger value must be in milliseconds.
    const hint =
      issuedAtSeconds > 1e11
        ? `iat looks like milliseconds; it must be seconds since the epoch: ${serverTime(nowSeconds)}`
        : `Check the client's clock: ${serverTime(nowSeconds)}`;
    throw new Refusal("assertion_early", `The assertion's iat is ${inTheFuture(aheadSeconds)}`, { hint });
  }
}

/** Checks `nbf` (RFC 7519 §4.1.5). @throws {Refusal} `assertion_early` if it is more than 60 s ahead; exactly 60 s are accepted */
export function checkNotBefore(
  { notBeforeSeconds }: Pick<UnverifiedClaims, "notBeforeSeconds">,
  nowSeconds: number,
): void {
  if (notBeforeSeconds === undefined) return;
  const aheadSeconds = secondsBetween(nowSeconds, notBeforeSeconds);
  if (aheadSeconds > SKEW_SECONDS_MAX) {
    throw new Refusal("assertion_early", `The assertion's nbf is ${inTheFuture(aheadSeconds)}`, {
      hint: `Check the client's clock: ${serverTime(nowSeconds)}`,
    });
  }
}

/** Checks `exp` (RFC 7519 §4.1.4). @throws {Refusal} `assertion_expired` if it passed 60 s ago or earlier */
export function checkExpiry(
  { expiresAtSeconds }: Pick<UnverifiedClaims, "expiresAtSeconds">,
  nowSeconds: number,
): void {
  if (expiresAtSeconds === undefined) return;
  if (expiresAtSeconds + SKEW_SECONDS_MAX <= nowSeconds) {
    const ago = formatSeconds(nowSeconds - expiresAtSeconds);
    throw new Refusal(
      "assertion_expired",
      `The assertion's exp is ${ago} s in the past; it must be less than ${SKEW_SECONDS_MAX} s.`,
      {
        hint: `Sign a new assertion for each exchange: ${serverTime(nowSeconds)}`,
      },
    );
  }
}

/**
 * Checks `aud` (RFC 7519 §4.1.3).
 *
 * @throws {Refusal} `assertion_audience` if `aud` is present and none of its values names this endpoint, or one of them names
 *   another endpoint of this service
 */
export function checkAudience(
  { audience }: Pick<UnverifiedClaims, "audience">,
  { accepted, foreign, isRequired }: Audiences,
): void {
  if (audience === undefined && !isRequired) return;
  const [name = "this service's public URL"] = accepted;
  const hint = isRequired ? `Set aud to ${name}.` : `Leave aud out, or set it to ${name}.`;
  if (audience === undefined) throw new Refusal("assertion_audience", "The assertion has no aud.", { hint });
  if (!audience.some((value) => accepted.has(value))) {
    throw new Refusal("assertion_audience", "The assertion's aud doesn't name this service.", { hint });
  }
  if (audience.some((value) => foreign.has(value))) {
    throw new Refusal("assertion_audience", "The assertion's aud names another endpoint of this service.", { hint });
  }
}

/** Reads `aud`; `undefined` if it is missing. @throws {Refusal} `assertion_audience` if it is neither a string nor an array of strings */
export function parseAudience(claims: UnverifiedObject): readonly string[] | undefined {
  const aud = own(claims, "aud");
  if (aud === undefined) return undefined;
  if (typeof aud === "string") return [aud];
  if (Array.isArray(aud) && aud.every((value) => typeof value === "string")) return aud;
  throw new Refusal("assertion_audience", "The assertion's aud is neither a string nor an array of strings.");
}

/** Reads a NumericDate; `undefined` if it is missing. @throws {Refusal} `assertion_claims` if it isn't a finite number */
export function numericDate(claims: UnverifiedObject, name: "iat" | "exp" | "nbf"): number | undefined {
  const value = own(claims, name);
  if (value === undefined) return undefined;
  // 1e999 is valid JSON and parses to Infinity.
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw new Refusal("assertion_claims", `The assertion's ${name} is ${describe(value)}; a number is needed.`, {
      hint: `${name} is a NumericDate (RFC 7519 §2): seconds since the epoch, as a JSON number.`,
    });
  }
  return value;
}

/** Reads a claim of the assertion itself, never a member of `Object.prototype`. */
export function own(claims: UnverifiedObject, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}

/** Describes the kind of a claim's value, without the value. */
export function describe(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (value === "") return "empty";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "number") return Number.isFinite(value) ? "a number" : "too large a number";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/**
 * The difference, rounded to microseconds, the precision of clients' decimals. As doubles, two times that are 61 s apart may differ
 * by 61 s and a quarter of a microsecond.
 */
function secondsBetween(fromSeconds: number, untilSeconds: number): number {
  const seconds = untilSeconds - fromSeconds;
  return Math.abs(seconds) < 1e9 ? Math.round(seconds * 1e6) / 1e6 : seconds;
}

function inThePast(seconds: number): string {
  return `${formatSeconds(seconds)} s in the past; ${SKEW_SECONDS_MAX} s are allowed.`;
}

function inTheFuture(seconds: number): string {
  return `${formatSeconds(seconds)} s in the future; ${SKEW_SECONDS_MAX} s are allowed.`;
}

/** One decimal, rounded up, so that a value just outside the window never reads as one inside. */
function formatSeconds(seconds: number): string {
  return seconds < 1e15 ? (Math.ceil(seconds * 10) / 10).toFixed(1) : seconds.toExponential(1);
}

function serverTime(nowSeconds: number): string {
  return `the server's time is ${nowSeconds.toFixed(6)}.`;
}
