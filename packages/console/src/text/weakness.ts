import type { Weakness } from "@countersign/protocol";
import { t } from "./t.ts";

/** A weakness in words: a label for a badge, and what it means. */
export interface WeaknessText {
  readonly label: string;
  /** Full sentences. They end with what to do. */
  readonly about: string;
}

const REPLACE = t("weakness.replaceTheKey");

const TEXTS = {
  size: {
    label: t("weakness.size"),
    about: t("weakness.sizeAbout", { replace: REPLACE }),
  },
  exponent: {
    label: t("weakness.exponent"),
    about: t("weakness.exponentAbout", { replace: REPLACE }),
  },
  published: {
    label: t("weakness.published"),
    about: t("weakness.publishedAbout", { replace: REPLACE }),
  },
  pattern: {
    label: t("weakness.pattern"),
    about: t("weakness.patternAbout", { replace: REPLACE }),
  },
  small_factor: {
    label: t("weakness.smallFactor"),
    about: t("weakness.smallFactorAbout", { replace: REPLACE }),
  },
  perfect_power: {
    label: t("weakness.perfectPower"),
    about: t("weakness.perfectPowerAbout", { replace: REPLACE }),
  },
  prime: {
    label: t("weakness.prime"),
    about: t("weakness.primeAbout", { replace: REPLACE }),
  },
  close_primes: {
    label: t("weakness.closePrimes"),
    about: t("weakness.closePrimesAbout", { replace: REPLACE }),
  },
  roca: {
    label: t("weakness.roca"),
    about: t("weakness.rocaAbout"),
  },
  revoked: {
    label: t("weakness.revoked"),
    about: t("weakness.revokedAbout", { replace: REPLACE }),
  },
  duplicate: {
    label: t("weakness.duplicate"),
    about: t("weakness.duplicateAbout", { replace: REPLACE }),
  },
  shared_prime: {
    label: t("weakness.sharedPrime"),
    about: t("weakness.sharedPrimeAbout"),
  },
} as const satisfies Record<Weakness, WeaknessText>;

/** A weakness in words. One of a newer server has only its name. */
export function weaknessText(weakness: string): WeaknessText {
  const known: Readonly<Record<string, WeaknessText>> = TEXTS;
  return Object.hasOwn(known, weakness) && known[weakness] !== undefined
    ? known[weakness]
    : { label: weakness.replaceAll("_", " "), about: REPLACE };
}
