import assert from "node:assert/strict";
import { Refusal } from "../core/refusal.ts";

/** The refusal that a promise is rejected with. @throws where it resolves, or is rejected with something else */
export async function refusalOf(promise: Promise<unknown>): Promise<Refusal> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(outcome instanceof Refusal, outcome instanceof Error ? String(outcome) : "nothing was refused");
  return outcome;
}
