import { isAscii, isUtf8 } from "node:buffer";
import { ASSERTION_ALGORITHMS, ASSERTION_BYTES_MAX, type AssertionAlgorithm } from "@countersign/protocol";
import { countMembers } from "../count-members.ts";
import { quoteName, type Refusal } from "../refusal.ts";

/** A JSON object whose members haven't been checked yet. */
export type UnverifiedObject = Readonly<Record<string, unknown>>;

/** The parts of a compact JWS (RFC 7515 §7.1). Nothing in it is verified. */
export interface UnverifiedJws {
  readonly unverifiedHeader: UnverifiedObject;
  readonly unverifiedClaims: UnverifiedObject;
  /** The ASCII text that the signature covers (RFC 7515 §5.2, step 8). */
  readonly signingInput: string;
  readonly signature: Buffer;
}

/** A kind of JWS that this service takes. The kinds share their form, and differ in how a faulty one is refused. */
export interface JwsKind {
  /** As messages name it, such as `assertion`. */
  readonly name: string;
  readonly refusal: (fault: JwsFault, message: string, hint?: string) => Refusal;
}

/** What is at fault: the form as a whole, `alg`, or another member of the header. */
export type JwsFault = "malformed" | "algorithm" | "header";

/**
 * Parses a compact JWS strictly.
 *
 * It must have exactly three parts in canonical base64url (RFC 7515 §2, no padding) and at most 8192 bytes. Header and claims must be
 * UTF-8 JSON objects without duplicate members (RFC 7515 §4, RFC 7519 §4).
 *
 * @throws {Refusal} the kind's, for `malformed`
 */
export function parseJws(text: string, kind: JwsKind): UnverifiedJws {
  const { name } = kind;
  if (text.length > ASSERTION_BYTES_MAX) {
    throw kind.refusal(
      "malformed",
      `The ${name} has ${text.length} characters; at most ${ASSERTION_BYTES_MAX} are allowed.`,
    );
  }
  const firstDot = text.indexOf(".");
  const secondDot = text.indexOf(".", firstDot + 1);
  if (firstDot < 0 || secondDot < 0 || text.includes(".", secondDot + 1)) {
    throw kind.refusal(
      "malformed",
      `The ${name} isn't a compact JWS: it needs exactly three parts, joined by dots.`,
      pythonBytesHint(text) ?? "Send the signed JWT itself, as header.claims.signature.",
    );
  }
  const unverifiedHeader = parseObject(decodePart(text.slice(0, firstDot), "header", text, kind), "header", kind);
  const unverifiedClaims = parseObject(
    decodePart(text.slice(firstDot + 1, secondDot), "claims", text, kind),
    "claims",
    kind,
  );
  const signature = decodePart(text.slice(secondDot + 1), "signature", text, kind);
  return { unverifiedHeader, unverifiedClaims, signingInput: text.slice(0, secondDot), signature };
}

/**
 * Checks `alg`, which must be an allowed RSA signature algorithm, and that there is no `crit` (RFC 7515 §4.1.11).
 *
 * Header parameters that contain or point to keys (`jku`, `x5u`, `jwk`, `x5c`) aren't read here (RFC 8725 §3.10).
 *
 * @throws {Refusal} the kind's, for `algorithm` or `header`
 */
export function checkAlgorithm(unverifiedHeader: UnverifiedObject, kind: JwsKind): AssertionAlgorithm {
  const { alg } = unverifiedHeader;
  // Compared exactly, because alg is case-sensitive (RFC 7515 §4.1.1): "rs256" and "None" aren't algorithms.
  const algorithm = ASSERTION_ALGORITHMS.find((allowed) => allowed === alg);
  if (algorithm === undefined) {
    const hint =
      typeof alg === "string" && /^hs/i.test(alg)
        ? "HS algorithms use a shared secret. Sign with your RSA private key and RS256 instead."
        : 'Sign with RS256: in most libraries that is the option algorithm: "RS256".';
    const message = `The ${kind.name}'s alg is ${quoteName(alg)}; RS256, RS384 or RS512 is needed.`;
    throw kind.refusal("algorithm", message, hint);
  }
  if (Object.hasOwn(unverifiedHeader, "crit")) {
    throw kind.refusal(
      "header",
      `The ${kind.name}'s header has crit, and this service knows no critical extension.`,
      "Leave crit out of the header.",
    );
  }
  return algorithm;
}

/** PyJWT 1.x returns bytes. Formatted into a string, they become a literal: `b'eyJ…'`. */
function pythonBytesHint(text: string): string | undefined {
  return /^b['"]/.test(text)
    ? "The credential is a Python bytes literal, b'…'. Call .decode(\"ascii\") on the result of jwt.encode, or use PyJWT 2."
    : undefined;
}

function decodePart(part: string, name: string, whole: string, kind: JwsKind): Buffer {
  const bytes = Buffer.from(part, "base64url");
  // Node's decoder ignores invalid characters. Only canonical base64url survives decoding and encoding unchanged.
  if (bytes.toString("base64url") !== part) {
    throw kind.refusal(
      "malformed",
      `The ${kind.name}'s ${name} part isn't canonical base64url: no padding, no white space, no + or /.`,
      pythonBytesHint(whole) ?? "Let a JWT library do the encoding; plain base64 is another alphabet.",
    );
  }
  return bytes;
}

function parseObject(bytes: Buffer, name: string, kind: JwsKind): UnverifiedObject {
  if (!isUtf8(bytes)) throw malformedPart(kind, name, "isn't UTF-8");
  const json = bytes.toString(isAscii(bytes) ? "latin1" : "utf8");
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    // The parser's message would quote the text.
    throw malformedPart(kind, name, "isn't JSON");
  }
  if (!isPlainObject(value)) throw malformedPart(kind, name, "isn't a JSON object");
  if (countMembers(json, 1) !== Object.keys(value).length) {
    throw malformedPart(kind, name, "names a member twice");
  }
  return value;
}

function malformedPart(kind: JwsKind, name: string, problem: string): Refusal {
  return kind.refusal("malformed", `The ${kind.name}'s ${name} part ${problem}.`);
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
