/**
 * Statements of a key about itself: JWSs that a key signs about itself, such as a proof that the sender holds it. Each kind has a `typ` of
 * its own, so that none is accepted in place of another or of an assertion (RFC 8725 §3.11).
 *
 * Assertions don't belong here, nor does anything that stores a key.
 */
import type { AssertionAlgorithm } from "@countersign/protocol";
import { checkAlgorithm, type JwsKind, parseJws, type UnverifiedJws } from "../assertion/parse-jws.ts";
import { own } from "../assertion/check-claims.ts";
import { quoteName } from "../refusal.ts";

/** A kind of statement. */
export interface KeyStatementKind extends JwsKind {
  /** Compared exactly. */
  readonly typ: string;
}

/** A statement whose form and header are checked. Its claims and its signature aren't. */
export interface UnverifiedKeyStatement extends UnverifiedJws {
  readonly algorithm: AssertionAlgorithm;
}

/**
 * Parses a statement as strictly as an assertion (see {@link parseJws}), and checks its header: the kind's `typ` exactly, RS256, RS384
 * or RS512, and no `crit`.
 *
 * @throws {Refusal} the kind's
 */
export function parseKeyStatement(text: string, kind: KeyStatementKind): UnverifiedKeyStatement {
  const jws = parseJws(text, kind);
  const typ = own(jws.unverifiedHeader, "typ");
  if (typ !== kind.typ) {
    throw kind.refusal(
      "header",
      `The ${kind.name}'s typ is ${quoteName(typ)}; "${kind.typ}" is needed.`,
      `Put "typ":"${kind.typ}" into the header. An assertion never serves as a ${kind.name}.`,
    );
  }
  return { ...jws, algorithm: checkAlgorithm(jws.unverifiedHeader, kind) };
}
