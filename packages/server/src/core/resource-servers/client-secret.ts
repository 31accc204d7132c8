import { equalTexts } from "../equal-texts.ts";
import { hashSecret, secretForm } from "../secret-form.ts";
import type { Random } from "../surroundings.ts";

const FORM = secretForm("csrs_");

/** Makes a resource server's secret: `csrs_…`, see {@link secretForm}. */
export function makeClientSecret(random: Random): string {
  return FORM.make(random);
}

/** Is this text a secret's form, with the right checksum? Says nothing about whose it is. */
export function isClientSecret(text: string): boolean {
  return FORM.hasForm(text);
}

/** What the store keeps of a secret. */
export function hashClientSecret(secret: string): string {
  return hashSecret(secret);
}

/** Compares a secret with a stored hash. */
export function matchesSecretHash(secret: string, hash: string): boolean {
  return equalTexts(hash, hashSecret(secret));
}
