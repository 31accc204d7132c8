import { type FieldProblem, Refusal } from "../../../core/refusal.ts";

/** Members that move by themselves between a read and a change: what a client sends of them is old, never a wish. */
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
];

/**
 * Lets a client send back the whole of what it read, with one member changed: members that can't be changed are fine as long as
 * they say what is there.
 *
 * @param body as it was sent
 * @param shown what a read answers now
 * @param writable the members that the change takes
 * @throws {Refusal} `field_invalid`, naming each member that would be another
 */
export function requireUnchanged(
  body: Readonly<Record<string, unknown>>,
  shown: Readonly<Record<string, unknown>>,
  writable: readonly string[],
): void {
  const fields: FieldProblem[] = Object.keys(body)
    .filter((name) => !writable.includes(name) && !MOVING.includes(name) && body[name] !== shown[name])
    .map((name) => ({ field: `/${name}`, message: `"${name}" can't be changed; leave it out, or as it was read.` }));
  if (fields[0] !== undefined) throw new Refusal("field_invalid", fields[0].message, { fields });
}
