import { createHash, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { KEY_TEXT_CHARACTERS_MAX } from "@countersign/protocol";
import { RegistryError } from "./registry-error.ts";

/** The strengths that are admitted, in bits, inclusive. NIST SP 800-131A allows no RSA key below 2048. */
export const KEY_BITS_MIN = 2048;
export const KEY_BITS_MAX = 8192;

/** Public exponents that are admitted, inclusive; odd ones only (FIPS 186-5 A.1.1 asks for more than 2^16). */
const EXPONENT_MIN = 65_537n;
const EXPONENT_MAX = 2n ** 32n - 1n;

/** Longer than any type that a PEM block has (RFC 7468); what is longer is no type and isn't repeated in a message. */
const PEM_LABEL_SHOWN_MAX = 30;

/** A public key that may enter the registry. */
export interface AdmittedKey {
  /** SubjectPublicKeyInfo, DER, written anew from what was read. */
  readonly spki: Buffer;
  readonly bits: number;
  readonly fingerprint: string;
  readonly thumbprint: string;
}

/**
 * Reads one RSA public key in any of the usual forms and decides whether it may enter the registry.
 *
 * Accepted: PEM `PUBLIC KEY`, `RSA PUBLIC KEY` and `CERTIFICATE` (its dates and signature don't matter here), a JWK, an
 * OpenSSH `ssh-rsa` line. Text around PEM markers is ignored; CRLF and escaped `\n` are repaired.
 *
 * @throws {RegistryError} `invalid`; the message says what is wrong and never quotes the text
 */
export function admitPublicKey(text: string): AdmittedKey {
  if (text.length > KEY_TEXT_CHARACTERS_MAX) {
    throw invalid(`the key's text has ${text.length} characters; at most ${KEY_TEXT_CHARACTERS_MAX} are allowed`);
  }
  const repaired = text.replaceAll(String.raw`\r`, "").replaceAll(String.raw`\n`, "\n").replaceAll("\r", "").trim();
  if (repaired === "") throw invalid("the key is empty");
  refusePrivateKey(repaired);
  return describeKey(checkStrength(readPublicKey(repaired)));
}

/** How `ssh-keygen -l` names a key: SHA-256 over the SSH wire form (RFC 4253 §6.6), base64 without padding. */
export function sshFingerprint(key: KeyObject): string {
  const { modulus, exponent } = rsaNumbers(key);
  const blob = Buffer.concat([sshString(Buffer.from("ssh-rsa")), sshInteger(exponent), sshInteger(modulus)]);
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replaceAll("=", "")}`;
}

function readPublicKey(text: string): KeyObject {
  if (text.startsWith("{") || text.startsWith("[")) return readJwk(text);
  const blocks = [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END ([A-Z0-9 ]+)-----/g)];
  if (blocks.length > 1) throw invalid(`the text holds ${blocks.length} PEM blocks; give exactly one key`);
  const block = blocks[0];
  if (block !== undefined) return readPem(block[1] ?? "", block[2] ?? "", block[3] ?? "");
  if (text.includes("-----BEGIN")) throw invalid("the PEM text is cut off: its END line is missing or damaged");
  // An authorized_keys line may have options before the key's type (sshd(8)).
  const [ssh, ...further] = text.matchAll(/(?:^|\s)ssh-rsa\s+([A-Za-z0-9+/=]+)/g);
  if (further.length > 0) throw invalid(`the text holds ${further.length + 1} OpenSSH keys; give exactly one`);
  if (ssh !== undefined) return readSsh(ssh[1] ?? "");
  const otherSsh = /^(ssh-\S+|ecdsa-sha2-\S+|sk-\S+)\s/.exec(text);
  if (otherSsh !== null) throw invalid("it is an OpenSSH key of another type; an ssh-rsa key is needed");
  throw invalid("it isn't a public key in a known form: PEM, certificate, JWK or an OpenSSH ssh-rsa line");
}

function readPem(label: string, body: string, endLabel: string): KeyObject {
  if (label !== endLabel) throw invalid("the PEM text's BEGIN and END lines don't match");
  const base64 = body.replaceAll(/\s/g, "");
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) throw invalid("the PEM text's body isn't base64");
  const der = Buffer.from(base64, "base64");
  switch (label) {
    case "PUBLIC KEY":
      return parseOrRefuse(label, () => createPublicKey({ key: der, format: "der", type: "spki" }));
    case "RSA PUBLIC KEY":
      return parseOrRefuse(label, () => createPublicKey({ key: der, format: "der", type: "pkcs1" }));
    case "CERTIFICATE":
    case "X509 CERTIFICATE":
      return parseOrRefuse(label, () => new X509Certificate(der).publicKey);
    default:
      throw invalid(
        `a PEM block of the type ${label.length <= PEM_LABEL_SHOWN_MAX ? label : "named in it"} isn't a public key; ` +
          "PUBLIC KEY, RSA PUBLIC KEY and CERTIFICATE are",
      );
  }
}

function readJwk(text: string): KeyObject {
  let jwk: unknown;
  try {
    jwk = JSON.parse(text);
  } catch {
    throw invalid("it looks like a JWK, but isn't JSON");
  }
  if (typeof jwk !== "object" || jwk === null || Array.isArray(jwk)) throw invalid("a JWK is a JSON object");
  // However the names are spelt in JSON, here they are what a parser makes of them.
  if (PRIVATE_MEMBERS.some((name) => Object.hasOwn(jwk, name))) throw privateKeyRefused();
  if ("keys" in jwk) throw invalid("it is a JWK Set; give one key out of its keys");
  const { kty, n, e, use, alg, key_ops: operations } = jwk as Record<string, unknown>;
  if (kty !== "RSA") throw invalid("the JWK's kty isn't \"RSA\"");
  if (typeof n !== "string" || typeof e !== "string") throw invalid("the JWK's n or e is missing");
  if (![n, e].every((value) => /^[A-Za-z0-9_-]+$/.test(value))) throw invalid("the JWK's n or e isn't base64url");
  // RFC 7517 §4.2 and §4.4: a key that says what it is for is used for nothing else.
  if (use !== undefined && use !== "sig") throw invalid("the JWK's use isn't sig: it isn't meant for signatures");
  if (alg !== undefined && !(typeof alg === "string" && ["RS256", "RS384", "RS512"].includes(alg))) {
    throw invalid("the JWK's alg isn't RS256, RS384 or RS512");
  }
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes("verify"))) {
    throw invalid("the JWK's key_ops doesn't hold verify: it isn't meant for checking signatures");
  }
  return parseOrRefuse("JWK", () => createPublicKey({ key: { kty, n, e }, format: "jwk" }));
}

/** RFC 4253 §6.6: string "ssh-rsa", mpint e, mpint n, and nothing behind. */
function readSsh(base64: string): KeyObject {
  const blob = Buffer.from(base64, "base64");
  const fields: Buffer[] = [];
  let at = 0;
  while (at + 4 <= blob.length && fields.length < 4) {
    const length = blob.readUInt32BE(at);
    fields.push(blob.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  const [type, exponent, modulus] = fields;
  if (at !== blob.length || fields.length !== 3 || type?.toString("latin1") !== "ssh-rsa" || !exponent || !modulus) {
    throw invalid("the OpenSSH line is damaged or cut off");
  }
  const jwk = { kty: "RSA", n: modulus.toString("base64url"), e: exponent.toString("base64url") };
  return parseOrRefuse("OpenSSH key", () => createPublicKey({ key: jwk, format: "jwk" }));
}

function checkStrength(key: KeyObject): KeyObject {
  // Keys marked for RSASSA-PSS alone (RFC 4055) can't verify RS256.
  if (key.asymmetricKeyType !== "rsa") {
    throw invalid(`it is a key of the type ${key.asymmetricKeyType ?? "unknown"}; an RSA key is needed`);
  }
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < KEY_BITS_MIN || bits > KEY_BITS_MAX) {
    throw invalid(`the key has ${bits} bits; ${KEY_BITS_MIN} to ${KEY_BITS_MAX} are allowed`);
  }
  const exponent = key.asymmetricKeyDetails?.publicExponent ?? 0n;
  if (exponent < EXPONENT_MIN || exponent > EXPONENT_MAX || exponent % 2n === 0n) {
    throw invalid("the key's public exponent must be odd and from 65537 to 2^32 - 1");
  }
  const modulus = BigInt(`0x${rsaNumbers(key).modulus.toString("hex")}`);
  // NIST SP 800-89 §5.3.3: odd, and no small factors. Real RSA moduli never have one.
  if (SMALL_PRIMES.some((prime) => modulus % prime === 0n)) {
    throw invalid("the key's modulus has a small factor, so it isn't a real RSA key");
  }
  return key;
}

function describeKey(key: KeyObject): AdmittedKey {
  const { n, e } = key.export({ format: "jwk" });
  return {
    spki: key.export({ format: "der", type: "spki" }),
    bits: key.asymmetricKeyDetails?.modulusLength ?? 0,
    fingerprint: sshFingerprint(key),
    // RFC 7638 §3: the required members only, in lexicographic order, without white space.
    thumbprint: createHash("sha256")
      .update(JSON.stringify({ e, kty: "RSA", n }))
      .digest("base64url"),
  };
}

function refusePrivateKey(text: string): void {
  // "PRIVATE KEY" alone may be part of a comment; the markers, even damaged ones, aren't.
  const isPrivate =
    /BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY|PRIVATE KEY-----/i.test(text) ||
    /PuTTY-User-Key-File/i.test(text) ||
    (/^\s*[[{]/.test(text) && /"(d|p|q|dp|dq|qi|oth)"\s*:/.test(text));
  if (isPrivate) throw privateKeyRefused();
}

/** Members of a JWK that only a private or symmetric key has (RFC 7518 §6.3.2, §6.4.1). */
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/** Somebody gave a private key away. It is stored nowhere. */
export class PrivateKeyRefused extends RegistryError {
  constructor() {
    super(
      "invalid",
      "The key is refused: this is a PRIVATE key. It wasn't stored, but it should now be considered exposed: make a new key pair, " +
        "keep the private half where it was made, and add only the public half.",
      "public_key",
    );
  }
}

function privateKeyRefused(): RegistryError {
  return new PrivateKeyRefused();
}

function parseOrRefuse(what: string, parse: () => KeyObject): KeyObject {
  try {
    return parse();
  } catch {
    // OpenSSL's own words name offsets and internals, not a cause that somebody could mend.
    throw invalid(`the ${what} is damaged: its contents can't be read`);
  }
}

function rsaNumbers(key: KeyObject): { modulus: Buffer; exponent: Buffer } {
  const { n = "", e = "" } = key.export({ format: "jwk" });
  return { modulus: Buffer.from(n, "base64url"), exponent: Buffer.from(e, "base64url") };
}

function sshString(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** RFC 4251 §5, mpint: a leading zero byte keeps a positive number positive. */
function sshInteger(bytes: Buffer): Buffer {
  return sshString((bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes);
}

function invalid(problem: string): RegistryError {
  return new RegistryError("invalid", `The key is refused: ${problem}.`, "public_key");
}

const SMALL_PRIMES = primesBelow(752).map(BigInt);

function primesBelow(limit: number): number[] {
  const primes: number[] = [];
  for (let candidate = 2; candidate < limit; candidate++) {
    if (primes.every((prime) => candidate % prime !== 0)) primes.push(candidate);
  }
  return primes;
}
