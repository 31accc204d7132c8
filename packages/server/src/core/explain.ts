import { candidateKeys } from "./assertion/candidate-keys.ts";
import { assertionRejected, createFindSigner } from "./assertion/find-signer.ts";
import { parseAssertion, type UnverifiedAssertion } from "./assertion/parse-assertion.ts";
import { findSigningKey, SIGNATURE_CHECKS_MAX } from "./assertion/verify-signature.ts";
import type { FindSource, NetworkLimit } from "./check-source.ts";
import { EXCHANGE_STEPS, ExchangeAttempt, type ExchangeDependencies } from "./exchange.ts";
import { describeKey, signatureCauses } from "./explain-signature.ts";
import { Refusal } from "./refusal.ts";
import type { RegistryView } from "./view/view.ts";
import type { ViewKey, ViewUser } from "./view/view-user.ts";

/** One check of an assertion. A `note` states a fact that doesn't affect the outcome. */
export interface ExplainStep {
  readonly check: Check;
  readonly outcome: "passed" | "refused" | "note";
  readonly detail: string;
  readonly hint?: string;
}

type Check =
  | "scheme"
  | "parts"
  | "header"
  | "claims"
  | "time"
  | "audience"
  | "user"
  | "key"
  | "standing"
  | "networks"
  | "cause";

/** How the exchange would answer an assertion now, and why. Only for operators, because it reveals which users exist. */
export interface Explanation {
  readonly accepted: boolean;
  /** The refusal that the exchange would answer with. */
  readonly refusal: Refusal | undefined;
  readonly steps: readonly ExplainStep[];
}

interface ExplainDependencies extends Pick<ExchangeDependencies, "clock" | "audiences"> {
  readonly view: Pick<RegistryView, "findUser">;
  /** The client's address in canonical form; without it, limits on networks are stated and not checked. */
  readonly from?: string | undefined;
}

/**
 * Runs the exchange's own steps on an assertion without stopping at the first refusal. The first refusal is the verdict; later ones
 * may show the cause. It needs no private key and mints no token.
 *
 * @param text the assertion, or the whole header line that carried it
 * @throws {Refusal} `unavailable` if the store must be read and can't be
 */
export async function explainAssertion(
  text: string,
  { view, clock, audiences, from }: ExplainDependencies,
): Promise<Explanation> {
  const report = new Report();
  const { credential, header } = unwrap(text);
  const attempt = new ExchangeAttempt(header, clock.nowMicroseconds() / 1e6, audiences);
  attempt.credential = credential;
  for (const name of Object.keys(EXCHANGE_STEPS) as StepName[]) {
    if (name !== "scheme" || header !== undefined) explainStep(name, attempt, report);
  }
  if (has(attempt, "claims")) await explainSigner(attempt, { view, from }, report);
  return { accepted: report.refusal === undefined, refusal: report.refusal, steps: report.steps };
}

type StepName = keyof typeof EXCHANGE_STEPS;

/** Collects the steps. */
class Report {
  readonly steps: ExplainStep[] = [];
  /** The first refusal, which is the verdict. */
  refusal: Refusal | undefined;

  pass(check: Check, detail: string): void {
    this.steps.push({ check, outcome: "passed", detail });
  }

  refuse(check: Check, refusal: Refusal): void {
    this.refusal ??= refusal;
    this.#add(check, "refused", refusal.message, refusal.detail.hint);
  }

  note(check: Check, detail: string, hint?: string): void {
    this.#add(check, "note", detail, hint);
  }

  #add(check: Check, outcome: ExplainStep["outcome"], detail: string, hint: string | undefined): void {
    this.steps.push({ check, outcome, detail, ...(hint === undefined ? {} : { hint }) });
  }
}

/** How to report each step of the exchange. */
const STEP_REPORTS: Readonly<Record<StepName, StepReport>> = {
  scheme: { check: "scheme", needs: "credential", passed: () => "The scheme is JWT." },
  parts: { check: "parts", needs: "credential", passed: describeParts },
  header: { check: "header", needs: "assertion", passed: ({ algorithm }) => `The algorithm is ${algorithm}.` },
  claims: { check: "claims", needs: "assertion", passed: describeClaims },
  iat: {
    check: "time",
    needs: "claims",
    passed: ({ claims, nowSeconds }) => `iat is ${distance(claims.issuedAtSeconds, nowSeconds)}; 60 s are allowed.`,
  },
  nbf: {
    check: "time",
    needs: "claims",
    passed: ({ claims, nowSeconds }) => describeTime("nbf", claims.notBeforeSeconds, nowSeconds),
  },
  exp: {
    check: "time",
    needs: "claims",
    passed: ({ claims, nowSeconds }) => describeTime("exp", claims.expiresAtSeconds, nowSeconds),
  },
  aud: {
    check: "audience",
    needs: "claims",
    passed: ({ claims }) => (claims.audience === undefined ? undefined : "aud names this service."),
  },
};

interface StepReport {
  readonly check: Check;
  /** The part of the attempt that the step needs. */
  readonly needs: "credential" | "assertion" | "claims";
  /** The text for a passed step; `undefined` if it had nothing to check. */
  readonly passed: (attempt: ExchangeAttempt) => string | undefined;
}

function explainStep(name: StepName, attempt: ExchangeAttempt, report: Report): void {
  const { check, needs, passed } = STEP_REPORTS[name];
  if (!has(attempt, needs)) return;
  try {
    EXCHANGE_STEPS[name](attempt);
    const detail = passed(attempt);
    if (detail !== undefined) report.pass(check, detail);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    report.refuse(check, error);
    if (name === "parts")
      attempt.assertion = parseQuietly(withoutBytesLiteral(attempt.credential)) ?? attempt.assertion;
  }
}

/** Is this part of the attempt set? It isn't before its step has run, or if that step refused. */
function has(attempt: Partial<ExchangeAttempt>, part: keyof ExchangeAttempt): boolean {
  return attempt[part] !== undefined;
}

/** Explains the decisions that `FindSigner` makes together: the user, the signature, and whether the key can be used. */
async function explainSigner(
  attempt: ExchangeAttempt,
  known: Pick<ExplainDependencies, "view" | "from">,
  report: Report,
): Promise<void> {
  const { assertion, claims } = attempt;
  const user = await known.view.findUser(claims.username);
  if (user === undefined) {
    report.refuse("user", assertionRejected());
    report.note(
      "cause",
      `There is no API user with that name: ${quoteUsername(claims.username)}.`,
      "countersign user list shows the names; they begin with api-.",
    );
    return;
  }
  report.pass("user", describeUser(user));
  const isSigned = has(attempt, "algorithm") && (await explainKeys(attempt, user, known, report));
  if (isSigned) return;
  const algorithm = has(attempt, "algorithm") ? attempt.algorithm : undefined;
  for (const cause of await signatureCauses(assertion, algorithm, user)) report.note("cause", ...cause);
}

/** Explains which of the user's keys made the signature, or why none did. @returns whether one did */
async function explainKeys(
  attempt: ExchangeAttempt,
  user: ViewUser,
  { view, from }: Pick<ExplainDependencies, "view" | "from">,
  report: Report,
): Promise<boolean> {
  const { assertion, algorithm, nowSeconds } = attempt;
  const nowMs = nowSeconds * 1000;
  const { signature, unverifiedHeader } = assertion;
  const { username, keys } = user;
  const hasLength = (key: ViewKey) => key.modulus.length === signature.length;
  const tried = candidateKeys(keys, unverifiedHeader, hasLength, nowMs);
  const [first] = tried;
  const isNamed =
    tried.length === 1 && [String(first?.id), first?.thumbprint].includes(String(unverifiedHeader["kid"]));
  if (keys.length === 0) report.note("key", `${username} has no public key.`, "countersign key add adds one.");
  if (isNamed && keys.length > 1) report.note("key", "kid selects one of the user's keys; the others aren't tried.");

  const findSource: FindSource = () => (from === undefined ? { problem: "unreadable" } : { address: from });
  const findSigner = createFindSigner(view);
  const outcome = await findSigner(assertion, algorithm, username, nowMs, undefined, findSource).catch(asRefusal);
  if (!(outcome instanceof Refusal) || outcome.code !== "assertion_rejected") {
    const refusal = outcome instanceof Refusal ? outcome : undefined;
    const signer = outcome instanceof Refusal ? await findSigningKey(assertion, algorithm, tried) : outcome;
    if (signer !== undefined) report.pass("key", `The signature is by ${describeKey(signer)}.`);
    if (refusal === undefined || refusal.code === "source_not_allowed") {
      report.pass("standing", "The key, its user and their account are active.");
      explainNetworks(signer?.limits ?? [], from, refusal, report);
    } else report.refuse("standing", refusal);
    return true;
  }
  for (const key of isNamed ? tried : keys) {
    const why = !hasLength(key)
      ? `can't have made it: the key has about ${key.modulus.length * 8} bits, but the signature needs one with ${signature.length * 8}`
      : tried.includes(key)
        ? "doesn't verify the signature"
        : `isn't tried: without kid, only ${SIGNATURE_CHECKS_MAX} keys of a length are`;
    report.note("key", `${describeKey(key)}: ${why}.`);
  }
  report.refuse("key", outcome);
  return false;
}

/** @param refusal the exchange's, for the client at `from` or, without it, for an unknown client */
function explainNetworks(
  limits: readonly NetworkLimit[],
  from: string | undefined,
  refusal: Refusal | undefined,
  report: Report,
): void {
  if (limits.length === 0) return;
  const stated = limits.map(({ of, texts }) => `The ${of} is limited to ${texts.join(", ")}.`).join(" ");
  if (from === undefined) {
    report.note("networks", `${stated} The client's address isn't checked here.`, "--from <address> checks it, too.");
  } else if (refusal === undefined) report.pass("networks", `${stated} ${from} is allowed.`);
  else {
    report.note("networks", stated);
    report.refuse("networks", refusal);
  }
}

/** Returns a refusal of the assertion. @throws any other error: a defect, or `unavailable` */
function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal && error.code !== "unavailable") return error;
  throw error;
}

/** Takes a credential out of what people paste: a header line, a header's value, or the bare assertion. */
function unwrap(text: string): { credential: string; header: string | undefined } {
  const value = text.trim().replace(/^authorization\s*:\s*/i, "");
  const space = value.indexOf(" ");
  if (space < 0) return { credential: value, header: undefined };
  const credential = value.slice(space).trim();
  // A line break or a tab after the scheme comes from copying.
  return { credential, header: `${value.slice(0, space)} ${credential}` };
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

function describeParts({ assertion: { signingInput, signature } }: ExchangeAttempt): string {
  return `Three parts; ${signingInput.length} characters are signed, and the signature has ${signature.length} bytes.`;
}

function describeClaims({ claims }: ExchangeAttempt): string {
  return `username and iat are present and have the right types; the username is ${quoteUsername(claims.username)}.`;
}

function quoteUsername(username: string): string {
  return /^[A-Za-z0-9._-]{1,100}$/.test(username) ? `"${username}"` : "not one that an API user can have";
}

function describeUser({ username, account, status, accountStatus, keys }: ViewUser): string {
  return `${username} of the account ${account} exists, with ${keys.length} key(s); user ${status}, account ${accountStatus}.`;
}

function describeTime(claim: string, seconds: number | undefined, nowSeconds: number): string | undefined {
  return seconds === undefined ? undefined : `${claim} is ${distance(seconds, nowSeconds)}.`;
}

/** `3.2 s in the past`. */
function distance(seconds: number, nowSeconds: number): string {
  const ahead = seconds - nowSeconds;
  return `${Math.abs(ahead).toFixed(1)} s ${ahead > 0 ? "in the future" : "in the past"}`;
}
