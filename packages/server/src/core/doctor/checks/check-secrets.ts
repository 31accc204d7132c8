import { masterSecretFingerprint, type SigningKeyRecord } from "../../signing-keys/signing-keys.ts";
import { type Observation, observe, type Problem } from "../finding.ts";

/** How long a new signing key may wait for the nodes before it is reported, in milliseconds. */
const WAITING_MS_MAX = 600_000;

export interface SecretFacts {
  /** Newest first, or why there is none. */
  readonly masterSecrets: readonly Buffer[] | { readonly problem: string };
  readonly storeId: string;
  readonly signingKeys: readonly SigningKeyRecord[];
}

/** Compares the master secrets with the fingerprints that the store keeps of those that its signing keys derive from. */
export function checkSecrets({ masterSecrets, storeId, signingKeys }: SecretFacts, nowMs: number): Observation {
  const inUse = signingKeys.filter(({ retiredAtMs }) => retiredAtMs === null);
  if ("problem" in masterSecrets) {
    const found = `${masterSecrets.problem}.`;
    return inUse.length === 0
      ? observe("The first start makes the master secret.")
      : observe("", { code: "master_secret_missing", found });
  }
  const fingerprints = masterSecrets.map((secret) => [
    masterSecretFingerprint(secret, storeId),
    // Signing keys of releases before stores had ids.
    masterSecretFingerprint(secret, undefined),
  ]);
  const known = fingerprints.flat();
  const isKnown = ({ masterFingerprint }: SigningKeyRecord) => known.includes(masterFingerprint);
  const unknown = inUse.filter((key) => !isKnown(key));
  const given = fingerprints.map(([bound]) => bound).join(", ");
  if (inUse.length > 0 && inUse.every((key) => !isKnown(key) || key.activatedAtMs === null)) {
    const needed = [...new Set(unknown.map(({ masterFingerprint }) => masterFingerprint))].join(", ");
    return observe("", {
      code: "master_secret_wrong",
      found: `The store's signing keys derive from the master secret with the fingerprint ${needed}; the configured one has ${given}.`,
    });
  }
  const unused = fingerprints.filter(
    (own, at) => at > 0 && !inUse.some(({ masterFingerprint }) => own.includes(masterFingerprint)),
  );
  const waiting = inUse.find(
    ({ activatedAtMs, createdAtMs }) => activatedAtMs === null && nowMs - createdAtMs > WAITING_MS_MAX,
  );
  return observe(
    inUse.length === 0
      ? `No signing key is in use yet. The configured master secret is ${given}.`
      : `All signing keys in use (${inUse.length}) derive from the configured master secret (${given}).`,
    ...unknown.map(
      ({ number, masterFingerprint }): Problem => ({
        code: "signing_key_unknown",
        found: `Signing key ${number} derives from another master secret, with the fingerprint ${masterFingerprint}.`,
      }),
    ),
    waiting === undefined
      ? undefined
      : {
          code: "signing_key_waiting",
          found: `Signing key ${waiting.number} waits for a node that can't check its tokens.`,
        },
    unused.length === 0
      ? undefined
      : {
          code: "master_secret_unused",
          found: `No signing key in use derives from the older master secrets that are configured (${unused.length}).`,
        },
  );
}
