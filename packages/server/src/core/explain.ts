import { constants, createHmac, type KeyObject, timingSafeEqual, verify, type VerifyKeyObjectInput } from "node:crypto";
import { ASSERTION_SCHEME, type AssertionAlgorithm } from "@countersign/protocol";
import { candidateKeys } from "./assertion/candidate-keys.ts";
import {
  checkAudience,
  checkExpiry,
  checkIssuedAt,
  checkNotBefore,
  parseClaims,
  type UnverifiedClaims,
} from "./assertion/check-claims.ts";
import { checkHeader, parseAssertion, type UnverifiedAssertion } from "./assertion/parse-assertion.ts";
import { isSignedBy, SIGNATURE_CHECKS_MAX } from "./assertion/verify-signature.ts";
import { parseCredential } from "./authorization.ts";
import { checkStanding, type ExchangeDependencies, rejected } from "./exchange.ts";
import { Refusal } from "./refusal.ts";
import { sshFingerprint } from "./keys/admission.ts";
import type { ViewKey, ViewUser } from "./view/view.ts";

/** One check of an assertion. `note` steps carry facts that decide nothing. */
export interface ExplainStep {
  readonly check:
    | "scheme"
    | "parts"
    | "header"
    | "claims"
    | "time"
    | "audience"
    | "user"
    | "key"
    | "standing"
    | "cause";
  readonly outcome: "passed" | "refused" | "note";
  readonly detail: string;
  readonly hint?: string;
}

/** What the exchange would say to an assertion now, and why. For operators: it reveals which users exist. */
export interface Explanation {
  readonly accepted: boolean;
  /** The refusal that the exchange would answer with. */
  readonly refusal: Refusal | undefined;
  readonly steps: readonly ExplainStep[];
}

/**
 * Goes through an assertion check by check, with the exchange's own functions in the exchange's own order, but doesn't stop at
 * the first refusal: that one is the verdict, the others may show the cause. Needs no private key and mints nothing.
 *
 * @param text the assertion, or the whole header line that carried it
 * @throws {Refusal} `unavailable` where the store can't be asked
 */
export async function explainAssertion(
  text: string,
  { view, clock, audiences }: Pick<ExchangeDependencies, "view" | "clock" | "audiences">,
): Promise<Explanation> {
  const steps: ExplainStep[] = [];
  let verdict: Refusal | undefined;

  function refuse(check: ExplainStep["check"], refusal: Refusal): void {
    verdict ??= refusal;
    const { hint } = refusal.detail;
    steps.push({ check, outcome: "refused", detail: refusal.message, ...(hint === undefined ? {} : { hint }) });
  }
  /** Runs one check; what it refuses becomes a step, and the result `undefined`. */
  function attempt<Result>(check: ExplainStep["check"], run: () => Result, passed?: (result: Result) => string) {
    try {
      const result = run();
      if (passed !== undefined) steps.push({ check, outcome: "passed", detail: passed(result) });
      return result;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refuse(check, error);
      return undefined;
    }
  }
  function note(check: ExplainStep["check"], detail: string, hint?: string): void {
    steps.push({ check, outcome: "note", detail, ...(hint === undefined ? {} : { hint }) });
  }
  const explanation = () => ({ accepted: verdict === undefined, refusal: verdict, steps });

  const { credential, header } = unwrap(text);
  if (header !== undefined)
    attempt(
      "scheme",
      () => parseCredential(header, [ASSERTION_SCHEME]),
      () => "The scheme is JWT.",
    );
  const assertion =
    attempt("parts", () => parseAssertion(credential), describeParts) ?? parseQuietly(withoutBytesLiteral(credential));
  if (assertion === undefined) return explanation();

  const algorithm = attempt(
    "header",
    () => checkHeader(assertion.unverifiedHeader),
    (alg) => `The algorithm is ${alg}.`,
  );
  const claims = attempt("claims", () => parseClaims(assertion.unverifiedClaims), describeClaims);
  if (claims === undefined) return explanation();

  const nowSeconds = clock.nowMicroseconds() / 1e6;
  attempt(
    "time",
    () => checkIssuedAt(claims, nowSeconds),
    () => `iat is ${distance(claims.issuedAtSeconds, nowSeconds)}; 60 s are allowed.`,
  );
  const { notBeforeSeconds, expiresAtSeconds, audience } = claims;
  if (notBeforeSeconds !== undefined) {
    attempt(
      "time",
      () => checkNotBefore(claims, nowSeconds),
      () => `nbf is ${distance(notBeforeSeconds, nowSeconds)}.`,
    );
  }
  if (expiresAtSeconds !== undefined) {
    attempt(
      "time",
      () => checkExpiry(claims, nowSeconds),
      () => `exp is ${distance(expiresAtSeconds, nowSeconds)}.`,
    );
  }
  if (audience !== undefined)
    attempt(
      "audience",
      () => checkAudience(claims, audiences),
      () => "aud names this service.",
    );

  const user = await view.findUser(claims.username);
  if (user === undefined) {
    refuse("user", rejected());
    note(
      "cause",
      `There is no API user of that name: ${quoteUsername(claims.username)}.`,
      "countersign user list shows the names; they begin with api-.",
    );
    return explanation();
  }
  steps.push({ check: "user", outcome: "passed", detail: describeUser(user) });
  const signer = algorithm && (await findSigner(assertion, algorithm, user));
  if (signer === undefined) {
    if (algorithm !== undefined) refuse("key", rejected());
    for (const cause of await signatureCauses(assertion, algorithm, user)) note("cause", ...cause);
    return explanation();
  }
  attempt(
    "standing",
    () => checkStanding(signer, nowSeconds * 1000),
    () => "The key, its user and their account are active.",
  );
  return explanation();

  /** Tries the keys that the exchange tries, and says of each of the user's keys why it isn't the one. */
  async function findSigner(signed: UnverifiedAssertion, alg: AssertionAlgorithm, of: ViewUser) {
    const { signature, unverifiedHeader } = signed;
    const isOfLength = (key: ViewKey) => key.modulus.length === signature.length;
    const tried = candidateKeys(of.keys, unverifiedHeader, isOfLength, nowSeconds * 1000);
    if (of.keys.length === 0) note("key", `${of.username} has no public key.`, "countersign key add adds one.");
    const isNamed =
      tried.length === 1 && [String(tried[0]?.id), tried[0]?.thumbprint].includes(String(unverifiedHeader["kid"]));
    if (isNamed && of.keys.length > 1) note("key", "kid selects one of the user's keys; the others aren't tried.");
    for (const key of tried) {
      if (await isSignedBy(signed, alg, key)) {
        steps.push({ check: "key", outcome: "passed", detail: `The signature is by ${describeKey(key)}.` });
        return key;
      }
    }
    for (const key of isNamed ? tried : of.keys) {
      const why = !isOfLength(key)
        ? `can't have made it: the key has about ${key.modulus.length * 8} bits, the signature is of one with ${signature.length * 8}`
        : tried.includes(key)
          ? "doesn't verify the signature"
          : `isn't tried: without kid, ${SIGNATURE_CHECKS_MAX} keys of a length are`;
      note("key", `${describeKey(key)}: ${why}.`);
    }
    return undefined;
  }
}

/** Takes a credential out of what people paste: a header line, a header's value, or the bare assertion. */
function unwrap(text: string): { credential: string; header: string | undefined } {
  const value = text.trim().replace(/^authorization\s*:\s*/i, "");
  const space = value.indexOf(" ");
  if (space < 0) return { credential: value, header: undefined };
  return { credential: value.slice(space).trim(), header: value };
}

function withoutBytesLiteral(text: string): string {
  return text.replace(/^b(['"])(.*)\1$/s, "$2");
}

function parseQuietly(text: string): UnverifiedAssertion | undefined {
  try {
    return parseAssertion(text);
  } catch {
    return undefined;
  }
}

/** A fact that decides nothing, and perhaps what to do about it. */
type Cause = readonly [detail: string, hint?: string];

/**
 * Why the signature may not verify: what it would verify as. None of this is accepted by the exchange, ever; it only names the mistake.
 * The RSA work runs on libuv's threads, one operation after the other.
 */
async function signatureCauses(
  assertion: UnverifiedAssertion,
  algorithm: AssertionAlgorithm | undefined,
  user: ViewUser,
): Promise<readonly Cause[]> {
  const causes: Cause[] = [];
  for (const key of user.keys) {
    if (isHmacOfPem(assertion, key.keyObject)) {
      causes.push([
        `It is an HMAC with the PEM text of key ${key.id} as its secret: sign with the private key and RS256.`,
      ]);
    }
    if (key.modulus.length !== assertion.signature.length) continue;
    if (algorithm !== undefined && (await isSignedBy(assertion, algorithm, key))) {
      causes.push([
        `The signature is by ${describeKey(key)}, which isn't tried.`,
        `Put "kid":"${key.id}" into the assertion's header, or deactivate a key of this length that isn't needed any more: ` +
          `without kid, the ${SIGNATURE_CHECKS_MAX} that were added last are tried.`,
      ]);
      continue;
    }
    const made = await otherAlgorithmOf(assertion, key);
    if (made !== undefined) {
      causes.push([`The signature is by key ${key.id}, but as ${made}, not as the header's alg says.`]);
    }
  }
  if (causes.length === 0) {
    causes.push([
      "Most likely the client signs with another private key: compare fingerprints (ssh-keygen -l -E sha256 -f on the public key), " +
        "or add its public key with countersign key add.",
    ]);
  }
  return causes;
}

function isHmacOfPem({ signingInput, signature, unverifiedHeader }: UnverifiedAssertion, key: KeyObject): boolean {
  const { alg } = unverifiedHeader;
  const bits = typeof alg === "string" ? /^HS(256|384|512)$/.exec(alg)?.[1] : undefined;
  if (bits === undefined) return false;
  const pems = [key.export({ format: "pem", type: "spki" }), key.export({ format: "pem", type: "pkcs1" })].map(String);
  return pems
    .flatMap((pem) => [pem, pem.trimEnd()])
    .some((secret) => {
      const mac = createHmac(`sha${bits}`, secret).update(signingInput).digest();
      return mac.length === signature.length && timingSafeEqual(mac, signature);
    });
}

/** As what the key made the signature, where that isn't what the header says. */
async function otherAlgorithmOf(
  { signingInput, signature, unverifiedHeader }: UnverifiedAssertion,
  { keyObject }: ViewKey,
): Promise<string | undefined> {
  const text = Buffer.from(signingInput, "latin1");
  const pss = {
    key: keyObject,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_AUTO,
  };
  for (const bits of ["256", "384", "512"]) {
    const name = `RS${bits}`;
    if (name !== unverifiedHeader["alg"] && (await verifyAsync(`sha${bits}`, text, keyObject, signature))) return name;
    if (await verifyAsync(`sha${bits}`, text, pss, signature)) return `PS${bits}`;
  }
  return undefined;
}

function verifyAsync(digest: string, text: Buffer, key: KeyObject | VerifyKeyObjectInput, signature: Buffer) {
  return new Promise<boolean>((resolve, reject) => {
    verify(digest, text, key, signature, (error, verified) => {
      if (error) reject(error);
      else resolve(verified);
    });
  });
}

function describeKey({ id, keyObject, status }: ViewKey): string {
  return `key ${id}, ${sshFingerprint(keyObject)}, ${status}`;
}

function describeParts({ signingInput, signature }: UnverifiedAssertion): string {
  return `Three parts; ${signingInput.length} characters are signed, and the signature has ${signature.length} bytes.`;
}

function describeClaims({ username }: UnverifiedClaims): string {
  return `username and iat are there and have the right types; the username is ${quoteUsername(username)}.`;
}

function quoteUsername(username: string): string {
  return /^[A-Za-z0-9._-]{1,100}$/.test(username) ? `"${username}"` : "not one that an API user can have";
}

function describeUser({ username, account, status, accountStatus, keys }: ViewUser): string {
  return `${username} of the account ${account} exists, with ${keys.length} key(s); user ${status}, account ${accountStatus}.`;
}

/** `3.2 s in the past`. */
function distance(seconds: number, nowSeconds: number): string {
  const ahead = seconds - nowSeconds;
  return `${Math.abs(ahead).toFixed(1)} s ${ahead > 0 ? "in the future" : "in the past"}`;
}
