import { TTL_SECONDS_DEFAULT, TTL_SECONDS_MAX, TTL_SECONDS_MIN } from "@countersign/protocol";
import { Refusal } from "./refusal.ts";

/**
 * Reads the lifetime that a request asks for, in whole seconds; 3600 if it names none.
 *
 * Decimal digits only: no sign, fraction, exponent or white space, and `ttl` at most once.
 *
 * @param values every value of the query parameter `ttl`
 * @throws {Refusal} `ttl_invalid`
 */
export function parseTtl(values: readonly string[]): number {
  const [value] = values;
  if (value === undefined) return TTL_SECONDS_DEFAULT;
  if (values.length > 1) throw invalidTtl("is given more than once");
  if (!/^[0-9]+$/.test(value)) throw invalidTtl(value === "" ? "is empty" : "isn't a whole number in decimal digits");
  const seconds = Number(value);
  if (seconds < TTL_SECONDS_MIN) throw invalidTtl("is too short");
  if (seconds > TTL_SECONDS_MAX) throw invalidTtl("is too long");
  return seconds;
}

function invalidTtl(problem: string): Refusal {
  return new Refusal("ttl_invalid", `The query parameter ttl ${problem}.`, {
    hint: `Whole seconds from ${TTL_SECONDS_MIN} to ${TTL_SECONDS_MAX} are allowed; ${TTL_SECONDS_DEFAULT} is the default.`,
  });
}
