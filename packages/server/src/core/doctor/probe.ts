/**
 * The probe: how the doctor asks the public listener what it sees of a request, through whatever gateway is in between.
 *
 * The answer names addresses and headers, which is nobody else's business. So the question carries a proof that the asker has the
 * master secret, and without a valid one the path doesn't exist. The answer carries a proof, too: it comes from a service with the
 * same master secret, not from another program that listens there. A gateway that reads a question can repeat it for ten minutes,
 * and learns only what it knows itself.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import {
  CHALLENGE_BYTES,
  type ChallengeKeys,
  createChallengeIssuer,
  deriveChallengeKeys,
} from "../challenges/challenge-issuer.ts";
import type { Source } from "../check-source.ts";
import type { Clock, Random } from "../surroundings.ts";

/** Under the path that every gateway forwards. */
export const PROBE_PATH = "/api/auth/v0/probe/";

/** The header with the question, in base64url. */
export const PROBE_HEADER = "countersign-probe";

/** How long a question is answered, in milliseconds: the doctor's clock may differ from the service's. */
const LIFETIME_MS = 600_000;

/** The length of a question in base64url, whose bytes are a multiple of three. */
const QUESTION_CHARACTERS = (CHALLENGE_BYTES / 3) * 4;

const PURPOSE = "doctor";

/** What the service sees of a probe, and what it is itself. */
export interface ProbeAnswer {
  readonly storeId: string;
  readonly version: string;
  /** The version of Node. */
  readonly runtime: string;
  /** The address of the connection's other end, and whether it is one of the trusted proxies. */
  readonly peer: string;
  readonly isPeerTrusted: boolean;
  /** The client that refusals are counted against. */
  readonly client: string;
  /** The client that is compared with a user's networks. */
  readonly source: Source;
  /** Would a read-only user be let through with this method? */
  readonly mayRead: boolean;
  /** `X-Forwarded-For` as it arrived; `null` if there was none. */
  readonly forwardedFor: string | null;
}

/** Makes and checks questions and answers under the master secrets. */
export interface Probes {
  ask(): string;
  /** Was the question made under one of the master secrets, and is it fresh? */
  isValid(question: unknown): question is string;
  /** The body of the answer. */
  answer(question: string, answer: ProbeAnswer): string;
  /** @returns `undefined` if the text isn't an answer to this question under one of the master secrets */
  read(question: string, text: string): ProbeAnswer | undefined;
}

/** @param masterSecrets newest first */
export function createProbes(masterSecrets: readonly [Buffer, ...Buffer[]], clock: Clock, random: Random): Probes {
  const keys = deriveChallengeKeys(masterSecrets, "countersign doctor probe");
  const issuer = createChallengeIssuer(keys, LIFETIME_MS, clock, random);
  return {
    ask: () => issuer.make(PURPOSE).challenge.toString("base64url"),
    isValid: (question): question is string =>
      typeof question === "string" &&
      question.length === QUESTION_CHARACTERS &&
      typeof issuer.check(Buffer.from(question, "base64url"), PURPOSE) === "object",
    answer(question, answer) {
      const text = JSON.stringify(answer);
      // While the master secret is being replaced, the doctor may have only one of the two.
      return JSON.stringify({ answer: text, proofs: proofsOf(keys, question, text) });
    },
    read(question, text) {
      const parsed = parseJson(text) as { readonly answer?: unknown; readonly proofs?: unknown } | undefined;
      if (typeof parsed?.answer !== "string" || !Array.isArray(parsed.proofs)) return undefined;
      const own = proofsOf(keys, question, parsed.answer);
      const isProven = parsed.proofs.some((proof) => own.some((one) => isEqual(one, proof)));
      // Proven to come from a service with the master secret.
      return isProven ? (parseJson(parsed.answer) as ProbeAnswer | undefined) : undefined;
    },
  };
}

function proofsOf(keys: ChallengeKeys, question: string, text: string): readonly string[] {
  return keys.map((key) => createHmac("sha256", key).update(`answer:${question}:${text}`).digest("base64url"));
}

function isEqual(own: string, given: unknown): boolean {
  return (
    typeof given === "string" && given.length === own.length && timingSafeEqual(Buffer.from(own), Buffer.from(given))
  );
}

/** `undefined` for a text that isn't a JSON object. */
export function parseJson(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}
