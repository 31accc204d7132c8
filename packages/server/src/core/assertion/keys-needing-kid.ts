import { candidateKeys, isUsable } from "./candidate-keys.ts";
import type { PublicKey } from "../keys/model.ts";

/**
 * The user's keys of this one's length that may be used, but with which an assertion is accepted only where its `kid` names them: more
 * were added after it than are tried without one ({@link candidateKeys}).
 *
 * @param keys all of the user's
 */
export function keysNeedingKid(key: PublicKey, keys: readonly PublicKey[], nowMs: number): readonly PublicKey[] {
  const alike = keys.filter((other) => signatureBytes(other) === signatureBytes(key) && isUsable(other, nowMs));
  const tried = candidateKeys(alike, {}, () => true, nowMs);
  return alike.filter((other) => !tried.includes(other));
}

/** The note for the operator who added or activated a key, if that left keys that need a `kid`. */
export function needsKidMessage(keys: readonly PublicKey[]): string {
  const ids = keys.map(({ id }) => id).sort((a, b) => a - b);
  const [names, verb] = ids.length === 1 ? [`Key ${ids[0]}`, "is"] : [`Keys ${ids.join(", ")}`, "are"];
  return (
    `${names} ${verb} tried only where the assertion's header names the key's id or thumbprint as kid: without kid, the two active keys of a ` +
    "length that were added last are tried. Deactivate one that isn't needed any more, or let the client set kid."
  );
}

function signatureBytes({ bits }: PublicKey): number {
  return Math.ceil(bits / 8);
}
