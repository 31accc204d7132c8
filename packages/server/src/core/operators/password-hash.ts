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

/** What a stored hash may ask for at most: more than any release has asked for, less than what would stop the service. */
const MEMORY_KIB_MAX = 262_144;
const PASSES_MAX = 16;
const LANES_MAX = 4;

/** How many are computed at once: each takes a core for some 40 ms and 19 MiB, and of the runtime's four threads two stay free. */
const RUNNING_MAX = 2;

/** How many wait for that; about a second's work. */
const WAITING_MAX = 32;

/** Hashes passwords, which people make up, so that a thief of the store can't simply try them. */
export interface PasswordHasher {
  /** Asks before other work is done for a password. @throws {Refusal} `rate_limited` where too many wait */
  requireRoom(): void;
  /** @param password as `normalisePassword` gives it @throws {Refusal} `rate_limited` where too many wait */
  hash(password: string): Promise<string>;
  /**
   * Does the password belong to the hash? Where there is none, or none that can be read, it doesn't, and that takes as long.
   *
   * @throws {Refusal} `rate_limited` where too many wait
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

/** Takes the place of a hash that isn't there. */
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

/** Only what can be computed, within the bounds; RFC 9106 §3.1 wants eight blocks of memory for each lane. */
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

/** Base64 without padding, as the PHC string format has it. */
function toBase64(bytes: Buffer): string {
  return bytes.toString("base64").replaceAll("=", "");
}

function tooManyPasswords(): Refusal {
  return new Refusal("rate_limited", "Too many passwords are being checked right now.", { retryAfterSeconds: 2 });
}

/** All callers count as one client: nobody who tries a password has signed in yet. */
const EVERY_CALLER = "";
