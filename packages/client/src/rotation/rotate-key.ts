import { ASSERTION_SCHEME, KEYS_PATH } from "@countersign/protocol";
import { CountersignError } from "../countersign-error.ts";
import { exchangeCall, type Grant } from "../exchange.ts";
import { type LoadSigningKey, type SigningKey, withoutMessage } from "../key/load-signing-key.ts";
import { KEY_BITS_MAX, KEY_BITS_MIN } from "../key/parse-private-key.ts";
import { pauseMs } from "../request/backoff.ts";
import { type Call, type Dated, isPassing, type Send } from "../request/send.ts";
import { type Warning, warningsOf } from "../request/warnings.ts";
import { signAssertion } from "../sign-jws.ts";
import type { Random, Sleep } from "../surroundings.ts";
import { type KeyPair, makeKeyPair, readKeyPair } from "./key-pair.ts";
import { KEY_CHALLENGE_CALL, signKeyProof } from "./prove-key.ts";

export interface RotateKeyOptions {
  /**
   * Keeps the new private key, a PKCS#8 PEM text, before the service hears of its public half. Keep it beside the present
   * key, never in its place: the present one is in use until `rotateKey` resolves. Needed unless `newPrivateKey` is given.
   */
  readonly store?: ((newPrivateKey: string) => void | Promise<void>) | undefined;
  /**
   * A stored private key to rotate to, PEM: that of a rotation which failed or was interrupted. It is safe to repeat one
   * that the service completed. Default: a new key.
   */
  readonly newPrivateKey?: string | undefined;
  /** Size of a new key, from 2048 to 8192 bits. Default: that of the present key. */
  readonly bits?: number | undefined;
  /** Shown to operators. */
  readonly label?: string | undefined;
  /** How long the present key goes on working, in whole seconds up to 30 days. Default: the service's, 7 days. */
  readonly overlapSeconds?: number | undefined;
  /** The service's public URL, as it knows itself, with or without a slash at its end. Default: `baseUrl`. */
  readonly audience?: string | undefined;
}

/** A rotation that succeeded. */
export interface RotatedKey {
  /** The new private key, PKCS#8, PEM. */
  readonly privateKey: string;
  /** Its public half, PEM. */
  readonly publicKey: string;
  /** The new key's id; `undefined` where the service's answer was lost, and a token by the new key proved that it arrived. */
  readonly keyId: number | undefined;
}

export interface RotationDependencies {
  readonly send: Send;
  readonly random: Random;
  readonly sleep: Sleep;
  readonly baseUrl: string;
  readonly username: string;
  readonly ttlSeconds: number;
  /** Gives the present key. */
  readonly loadSigningKey: LoadSigningKey;
}

/** A rotation that succeeded, and what its token source goes on with. */
export interface Rotation {
  readonly rotated: RotatedKey;
  readonly signingKey: SigningKey;
  /** A token by the new key. */
  readonly grant: Dated<Grant>;
  /** The service's, about the rotation: such as that the former key has rotated in another key, which may be a thief's. */
  readonly warnings: readonly Warning[];
}

/** What the service says of a registration. */
interface Registered {
  readonly keyId: number | undefined;
  readonly warnings: readonly Warning[];
}

/** Nothing: the answer was lost. */
const UNHEARD: Registered = { keyId: undefined, warnings: [] };

/** How often the registration of a key is tried, and how often a token by a key that was registered just now. */
const ATTEMPTS_MAX = 4;

const isWaitedFor = () => true;
const isNotRepeated = () => false;

/**
 * Rotates a user's key: stores a new private key, registers its public half with a proof of possession, and gets a token by it.
 * Only that token says that the rotation succeeded, so an answer that is lost does no harm.
 *
 * @throws {CountersignError} the server's refusal, or a code of the SDK's own
 */
export async function rotateKey(dependencies: RotationDependencies, options: RotateKeyOptions): Promise<Rotation> {
  const { send, random, sleep, username, ttlSeconds } = dependencies;
  checkOptions(options);
  const isRepeated = options.newPrivateKey !== undefined;
  const pair = await prepareKeyPair(dependencies, options);
  const { privateKey, publicKey, signingKey } = pair;
  const getToken = () =>
    send(
      exchangeCall(username, ttlSeconds, async () => signingKey),
      isWaitedFor,
    );
  const succeed = (grant: Dated<Grant>, { keyId, warnings }: Registered): Rotation => ({
    rotated: { privateKey, publicKey, keyId },
    signingKey,
    grant,
    warnings,
  });

  for (let failures = 1; ; failures++) {
    const outcome = await register(dependencies, options, pair);
    if ("warnings" in outcome) return succeed(await getFirstToken(), outcome);
    const { error, isSent } = outcome;
    if (isRepeated || (isSent && isPassing(error))) {
      // The key may have been registered, now or earlier.
      const grant = await getToken().catch(() => undefined);
      if (grant !== undefined) return succeed(grant, UNHEARD);
    }
    if (!isPassing(error) || failures === ATTEMPTS_MAX) throw error;
    await sleep(pauseMs(failures, random));
  }

  /** The service's other nodes hear of a key a moment after the one that registered it. */
  async function getFirstToken(): Promise<Dated<Grant>> {
    for (let failures = 1; ; failures++) {
      try {
        return await getToken();
      } catch (error) {
        const isUnknown = error instanceof CountersignError && error.code === "assertion_rejected";
        if (!isUnknown || failures === ATTEMPTS_MAX) throw error;
        await sleep(pauseMs(failures, random));
      }
    }
  }
}

/** Sends the public half. Each attempt needs a nonce of its own, so the request itself isn't repeated. */
async function register(
  { send, baseUrl, username, loadSigningKey }: RotationDependencies,
  { label, overlapSeconds, audience = baseUrl }: RotateKeyOptions,
  { signingKey: newKey, publicKey }: KeyPair,
): Promise<Registered | { readonly error: CountersignError; readonly isSent: boolean }> {
  let isSent = false;
  // The service compares the endpoint's URL exactly.
  const service = audience.replace(/\/$/, "");
  try {
    const challenge = await send(KEY_CHALLENGE_CALL, isWaitedFor);
    const call: Call<Registered> = {
      async begin() {
        const currentKey = await loadSigningKey();
        return async (nowSeconds) => {
          const assertion = await signAssertion(currentKey, username, nowSeconds, service + KEYS_PATH);
          const proof = await signKeyProof(newKey, service, username, challenge);
          isSent = true;
          return {
            target: KEYS_PATH,
            init: {
              method: "POST",
              headers: { Authorization: `${ASSERTION_SCHEME} ${assertion}`, "Content-Type": "application/json" },
              body: JSON.stringify({ public_key: publicKey, proof, label, overlap_seconds: overlapSeconds }),
            },
            secrets: [assertion, proof],
          };
        };
      },
      read(answer) {
        const { id } = answer.data;
        return answer.status === 201 && typeof id === "number"
          ? { keyId: id, warnings: warningsOf(answer) }
          : undefined;
      },
    };
    return await send(call, isNotRepeated);
  } catch (error) {
    if (error instanceof CountersignError) return { error, isSent };
    throw error;
  }
}

/** The stored pair, or a new one that is stored now. */
async function prepareKeyPair(
  { loadSigningKey }: RotationDependencies,
  { newPrivateKey, store, bits }: RotateKeyOptions,
): Promise<KeyPair> {
  if (newPrivateKey !== undefined) return await readKeyPair(newPrivateKey);
  const { modulusLength } = (await loadSigningKey()).key.algorithm as unknown as { readonly modulusLength: number };
  const pair = await makeKeyPair(bits ?? modulusLength);
  try {
    await store?.(pair.privateKey);
  } catch (error) {
    throw new CountersignError("key_not_stored", "The function given as store failed. Nothing was sent.", {
      hint: withoutMessage(error),
    });
  }
  return pair;
}

/** @throws {CountersignError} `options_invalid` */
function checkOptions({ store, newPrivateKey, bits, label, overlapSeconds, audience }: RotateKeyOptions): void {
  const invalid = (message: string) => new CountersignError("options_invalid", message);
  if (newPrivateKey === undefined && typeof store !== "function") {
    throw invalid("store must be a function that keeps the new private key, unless newPrivateKey is given.");
  }
  if (newPrivateKey !== undefined && typeof newPrivateKey !== "string") throw invalid("newPrivateKey must be a text.");
  if (bits !== undefined && !(Number.isInteger(bits) && bits >= KEY_BITS_MIN && bits <= KEY_BITS_MAX)) {
    throw invalid(`bits must be a whole number from ${KEY_BITS_MIN} to ${KEY_BITS_MAX}.`);
  }
  if (overlapSeconds !== undefined && !(Number.isInteger(overlapSeconds) && overlapSeconds >= 0)) {
    throw invalid("overlapSeconds must be a whole number that isn't negative.");
  }
  for (const [name, value] of Object.entries({ label, audience })) {
    if (value !== undefined && typeof value !== "string") throw invalid(`${name} must be a text.`);
  }
}
