import { equalTexts } from "../equal-texts.ts";
import { hashSecret, secretForm } from "../secret-form.ts";
import type { Random } from "../surroundings.ts";

const FORM = secretForm("csrs_");

/** Makes a resource server's secret: `csrs_…`, see {@link secretForm}. */
export function makeClientSecret(random: Random): string {
  return FORM.make(random);
}

/** Does the text have a secret's form and checksum? This doesn't check whether such a secret exists. */
export function isClientSecret(text: string): boolean {
  return FORM.hasForm(text);
}

/** The hash of a secret for the store. */
export function hashClientSecret(secret: string): string {
  return hashSecret(secret);
}

/** Does the secret have this hash? Compares in constant time. */
export function matchesSecretHash(secret: string, hash: string): boolean {
  return equalTexts(hash, hashSecret(secret));
}
