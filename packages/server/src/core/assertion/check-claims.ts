import { ISSUED_AT_SECONDS_MAX, SKEW_SECONDS_MAX } from "@countersign/protocol";
import { Refusal } from "../refusal.ts";
import type { UnverifiedObject } from "./parse-assertion.ts";

/** The claims that this service reads, with their types checked. Seconds are since the epoch and may have fractions. */
export interface UnverifiedClaims {
  readonly username: string;
  readonly issuedAtSeconds: number;
  readonly expiresAtSeconds: number | undefined;
  readonly notBeforeSeconds: number | undefined;
  readonly audience: readonly string[] | undefined;
}

/** What an assertion's `aud` may say, and must not, to be meant for an endpoint. */
export interface Audiences {
  /** Names of the endpoint. The first is the one to recommend. */
  readonly accepted: ReadonlySet<string>;
  /** Must there be an `aud`? Decides what the hint says; whether there is one is checked where the claims are read. */
  readonly isRequired: boolean;
  /** Names of other endpoints: an assertion made for one of them is never accepted here as well. */
  readonly foreign: ReadonlySet<string>;
}

/**
 * Reads the claims; other claims are ignored (RFC 7519 §4).
 *
 * @throws {Refusal} `assertion_claims` where `username` or `iat` is missing or a claim has the wrong type,
 *   `assertion_audience` where `aud` is neither a string nor an array of strings
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
 * Claims are compared with the server's clock and the service's own names. All bounds are inclusive: an `iat` exactly 61 s off and an
 * `nbf` exactly 60 s ahead are accepted, and an `exp` has passed once its leeway of 60 s is over (RFC 7519 §4.1.3 to §4.1.6). Times
 * are compared to the microsecond.
 *
 * @throws {Refusal} `assertion_stale`, `assertion_early` where `iat` is more than 61 s from now: 60 s and one of grace
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

/** @throws {Refusal} `assertion_early` where `iat` is more than 61 s ahead */
export function checkNotAhead(issuedAtSeconds: number, nowSeconds: number): void {
  const aheadSeconds = secondsBetween(nowSeconds, issuedAtSeconds);
  if (aheadSeconds > ISSUED_AT_SECONDS_MAX) {
    // 1e11 s is the year 5138, and 1e11 ms is 1973: nothing between a real time and a mistaken unit.
    const hint =
      issuedAtSeconds > 1e11
        ? `iat looks like milliseconds; it must be seconds since the epoch: ${serverTime(nowSeconds)}`
        : `Check the client's clock: ${serverTime(nowSeconds)}`;
    throw new Refusal("assertion_early", `The assertion's iat is ${inTheFuture(aheadSeconds)}`, { hint });
  }
}

/** @throws {Refusal} `assertion_early` where `nbf` is more than 60 s ahead */
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

/** @throws {Refusal} `assertion_expired` where `exp` passed 60 s ago or earlier */
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
 * @throws {Refusal} `assertion_audience` where `aud` is present and none of its values names this endpoint, or one of them names
 *   another endpoint of this service
 */
export function checkAudience(
  { audience }: Pick<UnverifiedClaims, "audience">,
  { accepted, foreign, isRequired }: Audiences,
): void {
  if (audience === undefined) return;
  const [name = "this service's public URL"] = accepted;
  const hint = isRequired ? `Set aud to ${name}.` : `Leave aud out, or set it to ${name}.`;
  if (!audience.some((value) => accepted.has(value))) {
    throw new Refusal("assertion_audience", "The assertion's aud doesn't name this service.", { hint });
  }
  if (audience.some((value) => foreign.has(value))) {
    throw new Refusal("assertion_audience", "The assertion's aud names another endpoint of this service.", { hint });
  }
}

/** @throws {Refusal} `assertion_audience` where `aud` is neither a string nor an array of strings */
export function parseAudience(claims: UnverifiedObject): readonly string[] | undefined {
  const aud = own(claims, "aud");
  if (aud === undefined) return undefined;
  if (typeof aud === "string") return [aud];
  if (Array.isArray(aud) && aud.every((value) => typeof value === "string")) return aud;
  throw new Refusal("assertion_audience", "The assertion's aud is neither a string nor an array of strings.");
}

/** @throws {Refusal} `assertion_claims` where the claim is there and isn't a finite number */
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

/** A claim that the assertion itself has, never one of `Object.prototype`. */
export function own(claims: UnverifiedObject, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}

/** The kind of a claim's value, never the value. */
export function describe(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (value === "") return "empty";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "number") return Number.isFinite(value) ? "a number" : "too large a number";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/**
 * Rounded to microseconds, which is as exact as clients' decimals are: as doubles, two times that are 61 s apart may differ by 61 s and
 * a quarter of a microsecond.
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
