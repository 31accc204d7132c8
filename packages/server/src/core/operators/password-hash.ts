import { argon2 } from "node:crypto";
import { equalTexts } from "../equal-texts.ts";
import { createFairQueue } from "../fair-queue.ts";
import { Refusal } from "../refusal.ts";
import type { Random } from "../surroundings.ts";

/** OWASP, Password Storage Cheat Sheet: Argon2id with 19 MiB, two passes, one lane. */
const MEMORY_KIB = 19_456;
const PASSES = 2;
const LANES = 1;

const SALT_BYTES = 16;
const HASH_BYTES = 32;

/** The largest parameters accepted from a stored hash: more than any release has used, less than would stall the service. */
const MEMORY_KIB_MAX = 262_144;
const PASSES_MAX = 16;
const LANES_MAX = 4;

/** How many hashes are computed concurrently. Each takes a core for some 40 ms and 19 MiB; two of the runtime's four threads stay free. */
const RUNNING_MAX = 2;

/** How many may wait: about a second's work. */
const WAITING_MAX = 32;

/** Hashes passwords slowly, so that an attacker who has the store can't guess them quickly. */
export interface PasswordHasher {
  /** Call before other work for a password. @throws {Refusal} `rate_limited` if too many wait */
  requireRoom(): void;
  /** @param password the result of `normalisePassword` @throws {Refusal} `rate_limited` if too many wait */
  hash(password: string): Promise<string>;
  /**
   * Does the password match the hash? A missing or malformed hash never matches, and takes as long to check.
   *
   * @throws {Refusal} `rate_limited` if too many wait
   */
  matches(password: string, hash: string | null | undefined): Promise<boolean>;
}

interface Parameters {
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** Replaces a missing hash. */
const DUMMY: Parameters = {
  memoryKib: MEMORY_KIB,
  passes: PASSES,
  lanes: LANES,
  salt: Buffer.alloc(SALT_BYTES),
  hash: Buffer.alloc(HASH_BYTES),
};

/** Argon2id (RFC 9106), in the PHC string format. */
export function createPasswordHasher(random: Random): PasswordHasher {
  const queue = createFairQueue({ runningMax: RUNNING_MAX, waitingMax: WAITING_MAX, fullRefusal: tooManyPasswords });

  function derive(password: string, { memoryKib, passes, lanes, salt, hash }: Parameters): Promise<Buffer> {
    return queue.run(
      EVERY_CALLER,
      () =>
        new Promise((resolve, reject) => {
          const parameters = {
            message: password,
            nonce: salt,
            memory: memoryKib,
            passes,
            parallelism: lanes,
            tagLength: hash.length,
          };
          argon2("argon2id", parameters, (error, derived) => {
            if (error === null) resolve(derived);
            else reject(error);
          });
        }),
    );
  }

  return {
    requireRoom() {
      if (queue.isFull()) throw tooManyPasswords();
    },
    async hash(password) {
      const salt = random.bytes(SALT_BYTES);
      const hash = await derive(password, { ...DUMMY, salt });
      return `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=${LANES}$${toBase64(salt)}$${toBase64(hash)}`;
    },
    async matches(password, hash) {
      const parsed = parseHash(hash ?? "");
      const stored = parsed ?? DUMMY;
      const derived = await derive(password, stored);
      const isEqual = equalTexts(toBase64(stored.hash), toBase64(derived));
      return parsed !== undefined && isEqual;
    },
  };
}

const PHC =
  /^\$argon2id\$v=19\$m=([1-9][0-9]{0,8}),t=([1-9][0-9]{0,8}),p=([1-9][0-9]{0,8})\$([A-Za-z0-9+/]{11,64})\$([A-Za-z0-9+/]{22,86})$/;

/** Parses a hash; `undefined` beyond the bounds. RFC 9106 §3.1 requires eight blocks of memory for each lane. */
function parseHash(text: string): Parameters | undefined {
  const [, memory, passes, lanes, salt = "", hash = ""] = PHC.exec(text) ?? [];
  const parsed = {
    memoryKib: Number(memory),
    passes: Number(passes),
    lanes: Number(lanes),
    salt: Buffer.from(salt, "base64"),
    hash: Buffer.from(hash, "base64"),
  };
  const isInBounds =
    parsed.memoryKib >= 8 * parsed.lanes &&
    parsed.memoryKib <= MEMORY_KIB_MAX &&
    parsed.passes <= PASSES_MAX &&
    parsed.lanes <= LANES_MAX;
  return isInBounds ? parsed : undefined;
}

/** Base64 without padding, as in the PHC string format. */
function toBase64(bytes: Buffer): string {
  return bytes.toString("base64").replaceAll("=", "");
}

function tooManyPasswords(): Refusal {
  return new Refusal("rate_limited", "Too many passwords are being checked right now.", { retryAfterSeconds: 2 });
}

/** All callers count as one client, since none of them has signed in yet. */
const EVERY_CALLER = "";
