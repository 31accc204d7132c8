import { isDeepStrictEqual } from "node:util";
import { type FieldProblem, Refusal } from "../../../core/refusal.ts";

/** Members that change by themselves between a read and a change: a client that sends an old value doesn't ask for it. */
const MOVING = [
  "users",
  "active_keys",
  "keys",
  "tokens_today",
  "last_used_at",
  "last_signed_in_at",
  "signs",
  "activated_at",
  "retired_at",
  "disabled_reason",
  "last_delivered_at",
  "failed_attempts",
  "failing_since",
  "next_attempt_at",
  "weakness",
];

/**
 * Lets a client send back the whole resource that it read, with one member changed. A read-only member is accepted if its value
 * is the present one.
 *
 * @param shown the resource as a read answers it now
 * @param writable the members that can be changed
 * @throws {Refusal} `field_invalid`, naming each read-only member with another value
 */
export function requireUnchanged(
  body: Readonly<Record<string, unknown>>,
  shown: Readonly<Record<string, unknown>>,
  writable: readonly string[],
): void {
  const fields: FieldProblem[] = Object.keys(body)
    .filter((name) => !writable.includes(name) && !MOVING.includes(name) && !isDeepStrictEqual(body[name], shown[name]))
    .map((name) => ({ field: `/${name}`, message: `"${name}" can't be changed; leave it out, or as it was read.` }));
  if (fields[0] !== undefined) throw new Refusal("field_invalid", fields[0].message, { fields });
}
