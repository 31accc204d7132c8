import { candidateKeys, isUsable } from "./candidate-keys.ts";
import type { PublicKey } from "../keys/model.ts";

/**
 * The usable keys of the same length as `key` that are tried only if the assertion's `kid` names them, because more keys were added
 * after them than are tried without a `kid` ({@link candidateKeys}).
 *
 * @param keys all keys of the user
 */
export function keysNeedingKid(key: PublicKey, keys: readonly PublicKey[], nowMs: number): readonly PublicKey[] {
  const alike = keys.filter((other) => signatureBytes(other) === signatureBytes(key) && isUsable(other, nowMs));
  const tried = candidateKeys(alike, {}, () => true, nowMs);
  return alike.filter((other) => !tried.includes(other));
}

/** The note for an operator whose change left keys that need a `kid`. */
export function needsKidMessage(keys: readonly PublicKey[]): string {
  const ids = keys.map(({ id }) => id).sort((a, b) => a - b);
  const [names, verb] = ids.length === 1 ? [`Key ${ids[0]}`, "is"] : [`Keys ${ids.join(", ")}`, "are"];
  return (
    `${names} ${verb} tried only if the assertion's header names the key's id or thumbprint as kid: without kid, only the two most recently ` +
    "added active keys of a length are tried. Deactivate one that is no longer needed, or have the client set kid."
  );
}

function signatureBytes({ bits }: PublicKey): number {
  return Math.ceil(bits / 8);
}
