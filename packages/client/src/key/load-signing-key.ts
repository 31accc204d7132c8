import { base64urlOf } from "../base64.ts";
import { CountersignError } from "../countersign-error.ts";
import { keySizeRefused, keyUnusable } from "./key-problem.ts";
import { KEY_BITS_MAX, KEY_BITS_MIN, parsePrivateKey, type RsaPrivateKey } from "./parse-private-key.ts";

/** A private key as an application has it: its text, or an imported key. */
export type PrivateKey = string | CryptoKey;

/**
 * The same, or where to get it. A function is called before each exchange, so a key can be replaced without a restart.
 */
export type PrivateKeySource = PrivateKey | Promise<PrivateKey> | (() => PrivateKey | Promise<PrivateKey>);

/** A key that signs, and the `alg` (RFC 7518 §3.3) of what it signs. */
export interface SigningKey {
  readonly key: CryptoKey;
  readonly algorithm: "RS256" | "RS384" | "RS512";
  /** Its name in a JWS, the RFC 7638 thumbprint; `undefined` where only the platform knows its numbers. */
  readonly kid: string | undefined;
}

/** Gives the key for the next assertion. @throws {CountersignError} `key_unusable` */
export type LoadSigningKey = () => Promise<SigningKey>;

const NAME = "RSASSA-PKCS1-v1_5";
/** How WebCrypto names the algorithm of a key that was read from a text. */
export const KEY_ALGORITHM = { name: NAME, hash: "SHA-256" } as const;
const ALGORITHM_OF_HASH = { "SHA-256": "RS256", "SHA-384": "RS384", "SHA-512": "RS512" } as const;

/**
 * Prepares the loading of a private key. The text of one is read here and now, so that a wrong one stops the program's
 * start instead of its first request; importing it has to wait, because WebCrypto is asynchronous.
 *
 * @throws {CountersignError} `key_unusable`
 */
export function prepareSigningKey(source: PrivateKeySource): LoadSigningKey {
  if (typeof source === "string") {
    const parsed = parsePrivateKey(source);
    let imported: Promise<SigningKey> | undefined;
    return () => (imported ??= importKey(parsed));
  }
  if (typeof source === "function") {
    // The text of the last one, so that a function which reads a file costs an import only when the file changed.
    let last: { readonly text: string; readonly imported: Promise<SigningKey> } | undefined;
    return async () => {
      const key = await settle(source);
      if (typeof key !== "string") return admitCryptoKey(key);
      if (last?.text !== key) last = { text: key, imported: importKey(parsePrivateKey(key)) };
      return await last.imported;
    };
  }
  if (isPromise(source)) {
    // The next caller of getToken gets the failure; until then it must not end the process.
    const promise = Promise.resolve(source);
    promise.catch(() => undefined);
    return prepareSigningKey(() => promise);
  }
  const admitted = admitCryptoKey(source);
  return () => Promise.resolve(admitted);
}

/**
 * Calls the application's function. What it throws may quote the key, as the errors of `JSON.parse` do, so it ends
 * here.
 */
async function settle(source: () => PrivateKey | Promise<PrivateKey>): Promise<PrivateKey> {
  try {
    return await source();
  } catch (error) {
    if (error instanceof CountersignError) throw error;
    throw new CountersignError("key_unusable", "The function or promise given as privateKey failed.", {
      hint: withoutMessage(error),
    });
  }
}

/** What an application's function threw, in words that can't quote a key. */
export function withoutMessage(error: unknown): string {
  const name = error instanceof Error ? error.name : "something that is no Error";
  return `It threw ${/^\w{1,40}$/.test(name) ? name : "an error"}. Its message may quote the key, so it isn't repeated.`;
}

/** Imports a private key. @throws {CountersignError} `key_unusable` where its numbers don't belong together */
export async function importKey({ pkcs8, modulus, publicExponent }: RsaPrivateKey): Promise<SigningKey> {
  let belongTogether: boolean;
  let key: CryptoKey;
  try {
    key = await crypto.subtle.importKey("pkcs8", pkcs8, KEY_ALGORITHM, false, ["sign"]);
    // A digit that was mistyped or lost leaves numbers of the right form, which some platforms take and sign nonsense
    // with. The server could only answer assertion_rejected to that.
    const jwk = { kty: "RSA", n: base64urlOf(modulus), e: base64urlOf(publicExponent) };
    const publicKey = await crypto.subtle.importKey("jwk", jwk, KEY_ALGORITHM, false, ["verify"]);
    const probe = new Uint8Array(1);
    belongTogether = await crypto.subtle.verify(NAME, publicKey, await crypto.subtle.sign(NAME, key, probe), probe);
  } catch {
    throw keyUnusable("refused");
  }
  if (!belongTogether) throw keyUnusable("inconsistent");
  return { key, algorithm: "RS256", kid: await thumbprintOf(modulus, publicExponent) };
}

/** RFC 7638 §3: the required members only, in lexicographic order, without white space. */
async function thumbprintOf(modulus: Uint8Array, publicExponent: Uint8Array): Promise<string> {
  const members = JSON.stringify({ e: base64urlOf(publicExponent), kty: "RSA", n: base64urlOf(modulus) });
  return base64urlOf(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(members))));
}

/** Checks a CryptoKey by what it says of itself: there may be several classes of that name in one program. */
function admitCryptoKey(key: unknown): SigningKey {
  if (key === undefined || key === null) throw keyUnusable("missing");
  if (typeof key !== "object" || !("algorithm" in key) || !("usages" in key)) throw keyUnusable("type");
  const { algorithm, usages } = key as CryptoKey;
  const { name, hash, modulusLength } = algorithm as RsaHashedAlgorithm;
  const found = Object.entries(ALGORITHM_OF_HASH).find(([hashName]) => hashName === hash?.name);
  if (name !== NAME || found === undefined || !usages.includes("sign")) throw keyUnusable("usage");
  if (!(modulusLength >= KEY_BITS_MIN && modulusLength <= KEY_BITS_MAX)) {
    throw keySizeRefused(modulusLength, KEY_BITS_MIN, KEY_BITS_MAX);
  }
  return { key: key as CryptoKey, algorithm: found[1], kid: undefined };
}

interface RsaHashedAlgorithm {
  readonly name: string;
  readonly hash?: { readonly name: string };
  readonly modulusLength: number;
}

function isPromise(value: unknown): value is Promise<PrivateKey> {
  return typeof value === "object" && value !== null && "then" in value;
}
