import type { Weakness } from "@countersign/protocol";
import { t } from "./t.ts";

/** A weakness in words: a label for a badge, and what it means. */
export interface WeaknessText {
  readonly label: string;
  /** Full sentences. They end with what to do. */
  readonly about: string;
}

const REPLACE = t("text.replaceTheKey");

const TEXTS = {
  size: {
    label: t("text.wrongSize"),
    about: t("text.theKeyHasToHave", { replace: REPLACE }),
  },
  exponent: {
    label: t("text.weakExponent"),
    about: t("text.thePublicExponentHasTo", { replace: REPLACE }),
  },
  published: {
    label: t("text.publishedKey"),
    about: t("text.thePrivateKeyIsPublic", { replace: REPLACE }),
  },
  pattern: {
    label: t("text.regularModulus"),
    about: t("text.theModulusHasLongRuns", { replace: REPLACE }),
  },
  small_factor: {
    label: t("text.smallFactor"),
    about: t("text.theModulusIsDivisibleBy", { replace: REPLACE }),
  },
  perfect_power: {
    label: t("text.perfectPower"),
    about: t("text.theModulusIsAPower", { replace: REPLACE }),
  },
  prime: {
    label: t("text.primeModulus"),
    about: t("text.theModulusIsAPrime", { replace: REPLACE }),
  },
  close_primes: {
    label: t("text.closePrimes"),
    about: t("text.theTwoPrimesAreSo", { replace: REPLACE }),
  },
  roca: {
    label: t("text.roca"),
    about: t("text.theKeyWasMadeBy"),
  },
  revoked: {
    label: t("text.wasRevoked"),
    about: t("text.aKeyWithThisModulus", { replace: REPLACE }),
  },
  duplicate: {
    label: t("text.sharedKey"),
    about: t("text.aKeyWithThisModulus2", { replace: REPLACE }),
  },
  shared_prime: {
    label: t("text.sharedPrime"),
    about: t("text.anotherRegisteredKeyHasA"),
  },
} as const satisfies Record<Weakness, WeaknessText>;

/** A weakness in words. One of a newer server has only its name. */
export function weaknessText(weakness: string): WeaknessText {
  const known: Readonly<Record<string, WeaknessText>> = TEXTS;
  return Object.hasOwn(known, weakness) && known[weakness] !== undefined
    ? known[weakness]
    : { label: weakness.replaceAll("_", " "), about: REPLACE };
}
