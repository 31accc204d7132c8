/**
 * Assertions: parse, check the claims, verify the signature, in this order, so that cheap checks come first.
 *
 * Nothing here reads the store or knows HTTP statuses. The names of values that aren't verified yet begin with `unverified`.
 */
import { type AssertionAlgorithm, KEY_STATEMENT_TYPES } from "@countersign/protocol";
import { Refusal } from "../refusal.ts";
import { checkAlgorithm, type JwsKind, parseJws, type UnverifiedJws, type UnverifiedObject } from "./parse-jws.ts";

/** An assertion's parts. Nothing in it is verified. */
export type UnverifiedAssertion = UnverifiedJws;

const ASSERTION: JwsKind = {
  name: "assertion",
  refusal: (fault, message, hint) => new Refusal(`assertion_${fault}`, message, hint === undefined ? {} : { hint }),
};

/** Parses an assertion; see {@link parseJws}. @throws {Refusal} `assertion_malformed` */
export function parseAssertion(text: string): UnverifiedAssertion {
  return parseJws(text, ASSERTION);
}

/**
 * Checks an assertion's header: `alg` must be an allowed RSA signature algorithm, there must be no `crit` (RFC 7515 §4.1.11), and `typ`
 * must not be that of a statement of a key about itself: a proof of possession or a revocation is never an assertion, whatever its
 * claims are (RFC 8725 §3.11). Any other `typ` is ignored, because clients send `JWT`, other values or none.
 *
 * @throws {Refusal} `assertion_algorithm`, `assertion_header`
 */
export function checkHeader(unverifiedHeader: UnverifiedObject): AssertionAlgorithm {
  const algorithm = checkAlgorithm(unverifiedHeader, ASSERTION);
  const { typ } = unverifiedHeader;
  // The fast path, for nearly every client.
  if (typ !== "JWT" && typ !== undefined && isKeyStatementType(typ)) {
    throw ASSERTION.refusal(
      "header",
      "The assertion's typ is that of a proof of possession or a revocation of a key, which is never an assertion.",
      'Sign an assertion of its own, with typ "JWT" or none.',
    );
  }
  return algorithm;
}

/** Is it one of the types in any spelling that a reader of media types takes for the same (RFC 7515 §4.1.9, RFC 6838 §4.2)? */
function isKeyStatementType(typ: unknown): boolean {
  if (typeof typ !== "string") return false;
  const bare = typ.toLowerCase().replace(/^application\//, "");
  return KEY_STATEMENT_TYPES.some((type) => type === bare);
}
