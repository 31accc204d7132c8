/**
 * Revocation statements: a key signs that it is to be revoked for good. Parsing, verifying and making a statement, and what it does.
 *
 * A statement is fixed: it names no user, no service and no time, so it can be made when the key is made and kept for the day when
 * the key leaks. Nothing here knows HTTP.
 */
import { createHash, createPublicKey, type KeyObject, sign } from "node:crypto";
import {
  type AssertionAlgorithm,
  isPrivateKey,
  KEY_REVOCATION_PURPOSE,
  KEY_REVOCATION_TYPE,
} from "@countersign/protocol";
import type { UnverifiedObject } from "../assertion/parse-jws.ts";
import { isSignedBy, type SignedText, verificationKey } from "../assertion/verify-signature.ts";
import { countMembers } from "../count-members.ts";
import {
  type KeyStatementKind,
  parseKeyStatement,
  type UnverifiedKeyStatement,
} from "../key-statements/parse-key-statement.ts";
import { KEY_BITS_MAX, KEY_BITS_MIN } from "../keys/admission.ts";
import { Refusal } from "../refusal.ts";

/** A statement whose form is right. Its signature isn't verified. */
export interface UnverifiedStatement extends SignedText {
  readonly algorithm: AssertionAlgorithm;
  /** In canonical base64url (RFC 7518 §6.3.1). */
  readonly jwk: { readonly n: string; readonly e: string };
  /** Big-endian, without leading zeros. */
  readonly modulus: Buffer;
  readonly exponent: number;
}

/** A verified statement: the holder of this key's private half wants the key to be revoked. */
export interface RevocationStatement {
  /** SHA-256 of the modulus without leading zeros, in lower-case hex. */
  readonly modulusHash: string;
  readonly exponent: number;
}

/** The exponents that a registered key can have, inclusive; odd ones only. */
const EXPONENT_MIN = 65_537;
const EXPONENT_MAX = 2 ** 32 - 1;

const REVOCATION: KeyStatementKind = {
  name: "revocation statement",
  typ: KEY_REVOCATION_TYPE,
  refusal: (_fault, message, hint) => revocationRejected(message, hint),
};

/** The header's members. There is nothing else that a statement could say. */
const HEADER_MEMBERS: ReadonlySet<string> = new Set(["typ", "alg", "jwk"]);

/**
 * Parses a statement strictly: a compact JWS whose header has exactly `typ`, `alg` and `jwk`, and whose claims are exactly the fixed
 * ones. So no statement is an assertion or a proof, and none of those is a statement. The key must have a size and an exponent that
 * the registry admits: with the exponent 1, anybody could sign for any modulus.
 *
 * @throws {Refusal} `revocation_rejected`; `private_key_exposed` if it holds a private key
 */
export function parseStatement(text: string): UnverifiedStatement {
  const { unverifiedHeader, unverifiedClaims, signingInput, signature, algorithm } = parseParts(text);
  const { jwk } = unverifiedHeader;
  if (jwk !== undefined && isPrivateKey(JSON.stringify(jwk))) throw privateKeyExposed();
  if (Object.keys(unverifiedHeader).some((name) => !HEADER_MEMBERS.has(name))) {
    throw rejected("its header has a member besides typ, alg and jwk");
  }
  const key = parseJwk(jwk);
  const headerJson = Buffer.from(signingInput.slice(0, signingInput.indexOf(".")), "base64url").toString("utf8");
  if (countMembers(headerJson) !== HEADER_MEMBERS.size + Object.keys(jwk as UnverifiedObject).length) {
    throw rejected("its jwk names a member twice, or nests objects");
  }
  if (Object.keys(unverifiedClaims).length !== 1 || unverifiedClaims["purpose"] !== KEY_REVOCATION_PURPOSE) {
    throw rejected(
      `its claims aren't exactly {"purpose":"${KEY_REVOCATION_PURPOSE}"}`,
      "Leave iat, exp and every other claim out: a statement holds for good.",
    );
  }
  // RFC 8017 §8.2.2, step 1, and §5.2.2, step 1. Both without arithmetic.
  if (signature.length !== key.modulus.length || signature.compare(key.modulus) >= 0) throw notSigned();
  return { algorithm, signingInput, signature, ...key };
}

/** Verifies a statement's signature by its own key. Costs one RSA operation. @throws {Refusal} `revocation_rejected` */
export async function verifyStatement(unverified: UnverifiedStatement): Promise<RevocationStatement> {
  const { algorithm, jwk, modulus, exponent } = unverified;
  let keyObject: KeyObject;
  try {
    keyObject = createPublicKey({ key: { kty: "RSA", ...jwk }, format: "jwk" });
  } catch {
    throw rejected("its jwk isn't an RSA public key");
  }
  if (!(await isSignedBy(unverified, algorithm, verificationKey(keyObject)))) throw notSigned();
  return { modulusHash: createHash("sha256").update(modulus).digest("hex"), exponent };
}

/** Makes the statement that revokes this key. @param privateKey an RSA key */
export function signStatement(privateKey: KeyObject): string {
  const { n, e } = privateKey.export({ format: "jwk" });
  const parts = [
    { alg: "RS256", typ: KEY_REVOCATION_TYPE, jwk: { kty: "RSA", n, e } },
    { purpose: KEY_REVOCATION_PURPOSE },
  ];
  const signingInput = parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  return `${signingInput}.${sign("sha256", Buffer.from(signingInput), privateKey).toString("base64url")}`;
}

function parseParts(text: string): UnverifiedKeyStatement {
  try {
    return parseKeyStatement(text, REVOCATION);
  } catch (refusal) {
    // The key itself, sent by mistake.
    throw isPrivateKey(text) ? privateKeyExposed() : refusal;
  }
}

/** Other members of a JWK are ignored (RFC 7517 §4). */
function parseJwk(jwk: unknown): Pick<UnverifiedStatement, "jwk" | "modulus" | "exponent"> {
  if (typeof jwk !== "object" || jwk === null || Array.isArray(jwk)) {
    throw rejected("its header has no jwk", "Put the public key into jwk, with the members kty, n and e (RFC 7517).");
  }
  const { kty, n, e } = jwk as UnverifiedObject;
  if (kty !== "RSA" || typeof n !== "string" || typeof e !== "string") {
    throw rejected('its jwk isn\'t an RSA public key, with kty "RSA", n and e');
  }
  const modulus = parseUint(n);
  const exponentBytes = parseUint(e);
  if (modulus === undefined || exponentBytes === undefined) {
    throw rejected("the n or e of its jwk isn't a number in base64url without padding and leading zeros (RFC 7518 §2)");
  }
  const bits = modulus.length * 8 - Math.clz32(modulus[0] ?? 0) + 24;
  if (bits < KEY_BITS_MIN || bits > KEY_BITS_MAX) {
    throw rejected(`its key has ${bits} bits; ${KEY_BITS_MIN} to ${KEY_BITS_MAX} are allowed`);
  }
  if (modulus.readUInt8(modulus.length - 1) % 2 === 0) throw rejected("its key's modulus is even");
  const exponent = exponentBytes.length > 4 ? Infinity : exponentBytes.readUIntBE(0, exponentBytes.length);
  if (exponent < EXPONENT_MIN || exponent > EXPONENT_MAX || exponent % 2 === 0) {
    throw rejected("its key's exponent isn't odd and from 65537 to 2^32 - 1");
  }
  return { jwk: { n, e }, modulus, exponent };
}

/** Parses a Base64urlUInt (RFC 7518 §2): canonical, and without leading zeros; `undefined` for anything else, and for zero. */
function parseUint(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text && (bytes[0] ?? 0) !== 0 ? bytes : undefined;
}

function rejected(problem: string, hint?: string): Refusal {
  return revocationRejected(`The revocation statement is refused: ${problem}.`, hint);
}

function revocationRejected(message: string, hint?: string): Refusal {
  return new Refusal("revocation_rejected", message, hint === undefined ? {} : { hint });
}

function notSigned(): Refusal {
  return rejected("its signature isn't by the key in its jwk");
}

function privateKeyExposed(): Refusal {
  return new Refusal(
    "private_key_exposed",
    "What was sent holds a PRIVATE key. It was neither stored nor logged, and it revoked nothing, but consider the key exposed.",
    { hint: "Sign the statement where the key is, and put only the public members, kty, n and e, into jwk." },
  );
}
