/** The checks, one file for each: pure functions from what a port reported to an observation. */
import type { FindingCode } from "../catalogue.ts";
import { type Observation, observe, type Problem } from "../finding.ts";

/** What is known of the settings. */
export interface ConfigurationFacts {
  /** Each problem of a setting, as the start of the service would report it. */
  readonly problems: readonly string[];
  /** Variables that a platform made and the service ignores, in one line. */
  readonly platformNotice: string | undefined;
  /** A warning about a password in a flag. */
  readonly passwordNotice: string | undefined;
  readonly logLevel: string;
  readonly refusalLimit: number;
  readonly keyProof: "optional" | "required";
  readonly publicUrl: string | undefined;
  /** Do the listeners accept connections from other machines? */
  readonly isPublicOpen: boolean;
  readonly isInternalOpen: boolean;
  /** Is the connection to the internal listener encrypted, by the service or by what the configured URL promises? */
  readonly isInternalEncrypted: boolean;
}

/** Is this host name or address this machine's own? */
export function isLocalHost(hostname: string): boolean {
  return /^(?:localhost|.*\.localhost|127\.[0-9.]+|\[?::1\]?)$/i.test(hostname);
}

/** Looks at the settings by themselves. */
export function checkConfiguration(facts: ConfigurationFacts): Observation {
  const { problems, logLevel, refusalLimit, keyProof } = facts;
  return observe(
    "Every setting is valid.",
    ...problems.map((found): Problem => ({ code: "setting_invalid", found })),
    problemIf(facts.platformNotice, "variables_ignored"),
    problemIf(facts.passwordNotice, "password_in_flags"),
    problemIf(
      ["trace", "debug"].includes(logLevel) && `COUNTERSIGN_LOG_LEVEL is ${logLevel}: every request is logged.`,
      "log_verbose",
    ),
    problemIf(
      ["error", "fatal", "silent"].includes(logLevel) &&
        `COUNTERSIGN_LOG_LEVEL is ${logLevel}: refusals and warnings aren't logged.`,
      "log_silent",
    ),
    problemIf(refusalLimit === 0 && "COUNTERSIGN_REFUSAL_LIMIT is 0: guessing isn't limited.", "refusal_limit_off"),
    problemIf(
      keyProof === "optional" && "A new public key needs no proof of possession (COUNTERSIGN_KEY_PROOF is optional).",
      "key_proof_optional",
    ),
    ...publicUrlProblems(facts),
    problemIf(
      facts.isInternalOpen &&
        !facts.isInternalEncrypted &&
        "The internal listener accepts connections from other machines without TLS: passwords cross the network as they are.",
      "internal_listener_open",
    ),
  );
}

function publicUrlProblems({ publicUrl, isPublicOpen }: ConfigurationFacts): readonly (Problem | undefined)[] {
  if (publicUrl === undefined) {
    return [
      problemIf(
        isPublicOpen &&
          "The public listener accepts connections from other machines, but COUNTERSIGN_PUBLIC_URL isn't set.",
        "public_url_missing",
      ),
    ];
  }
  const { protocol, hostname } = new URL(publicUrl);
  const isLocal = isLocalHost(hostname) || hostname === "0.0.0.0" || hostname === "[::]";
  return [
    problemIf(
      isPublicOpen && isLocal && `COUNTERSIGN_PUBLIC_URL is ${publicUrl}, which no other machine can use.`,
      "public_url_local",
    ),
    problemIf(
      protocol === "http:" &&
        !isLocal &&
        `COUNTERSIGN_PUBLIC_URL is ${publicUrl}: tokens cross the network unencrypted.`,
      "public_url_unencrypted",
    ),
  ];
}

function problemIf(found: string | false | undefined, code: FindingCode): Problem | undefined {
  return found === false || found === undefined ? undefined : { code, found };
}
