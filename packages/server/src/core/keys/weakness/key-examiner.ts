/**
 * Weaknesses of RSA moduli: what lets others compute or look up a private key. Each file has one weakness; they are pure functions of
 * numbers. What depends on the registry's other keys in a transaction is in `registered-weakness.ts`, a folder above.
 */
import { createHash } from "node:crypto";
import type { Weakness } from "@countersign/protocol";
import type { KeyId, PublicKey } from "../model.ts";
import { findSharing, findSharingWith } from "./batch-gcd.ts";
import { hasCloseFactors } from "./close-primes.ts";
import { modulusOfSpki } from "./modulus-of-spki.ts";
import { followsPattern } from "./pattern.ts";
import { isPerfectPower } from "./perfect-power.ts";
import { isProbablePrime } from "./prime.ts";
import { isRoca } from "./roca.ts";
import { createProducts, hasCommonFactor } from "./shared-prime.ts";
import { numberOf } from "./numbers.ts";
import { hasSmallFactor } from "./small-factor.ts";

/** A registered key, as {@link KeyExaminer.learn} takes it. */
export type RegisteredKey = Pick<PublicKey, "id" | "spki">;

/** A weakness of a modulus by itself. */
export type ModulusWeakness = Exclude<Weakness, "size" | "exponent" | "shared_prime" | "duplicate" | "revoked">;

export interface Examination {
  /** The first that was found, in the order of the protocol's list. */
  readonly weakness: ModulusWeakness | undefined;
  /** Does the modulus have a common factor with a learnt one? True also if it is one of them. */
  readonly sharesPrime: boolean;
}

/** Examines moduli, and compares them with the registered keys that it was given. */
export interface KeyExaminer {
  /** The newest key that it has learnt, 0 if none. */
  learntThrough(): KeyId;
  /** Adds registered keys, in the order of their ids. It keeps the newest {@link COMPARED_KEYS_MAX}. */
  learn(keys: readonly RegisteredKey[]): Promise<void>;
  /** Forgets every key. */
  forget(): Promise<void>;
  /**
   * Examines a modulus of an allowed size, big-endian and without leading zeros.
   *
   * @param client for whom; if examinations have to wait, clients take turns
   * @throws {Refusal} `unavailable` if it can't be examined now
   */
  examine(modulus: Uint8Array, client: string): Promise<Examination>;
  /** What {@link KeyExaminer.examine} finds in each of these moduli by itself: the first weakness, if there is one. */
  findWeaknesses(moduli: readonly Uint8Array[], client: string): Promise<readonly (ModulusWeakness | undefined)[]>;
  /**
   * Which of these moduli have a common factor with a learnt one, or with another one of these?
   *
   * @param moduli no two are equal
   */
  compare(moduli: readonly Uint8Array[], client: string): Promise<readonly boolean[]>;
  /**
   * Finds the keys that share a prime with a key of a different modulus: with one of `others` if there are any, otherwise among
   * themselves. The result has the ids of both, ascending; of a modulus and a multiple of it, the multiple's alone.
   */
  findSharing(keys: readonly RegisteredKey[], others: readonly RegisteredKey[]): Promise<readonly KeyId[]>;
}

/** Is a modulus on a list of published keys? @param hash SHA-256 of the modulus without leading zeros */
export type IsPublished = (hash: Uint8Array) => boolean;

/** How many registered keys a new key is compared with: the newest. A registry with more is searched by a batch gcd. */
export const COMPARED_KEYS_MAX = 20_000;

/** An examiner that computes in the calling thread: a command does, a server must not. */
export function createKeyExaminer(isPublished: IsPublished): KeyExaminer {
  const products = createProducts(COMPARED_KEYS_MAX);
  let through = 0 as KeyId;
  return {
    learntThrough: () => through,
    learn(keys) {
      for (const { id, spki } of keys) {
        const modulus = modulusOfSpki(spki);
        if (modulus !== undefined) products.add(numberOf(modulus));
        through = id;
      }
      return Promise.resolve();
    },
    forget() {
      products.clear();
      through = 0 as KeyId;
      return Promise.resolve();
    },
    findWeaknesses: (moduli) =>
      Promise.resolve(moduli.map((modulus) => findWeakness(numberOf(modulus), modulus, isPublished))),
    compare: (moduli) => Promise.resolve(products.findSharing(moduli.map(numberOf))),
    findSharing: (keys, others) => Promise.resolve(findSharingKeys(keys, others)),
    examine(modulus) {
      const n = numberOf(modulus);
      return Promise.resolve({ weakness: findWeakness(n, modulus, isPublished), sharesPrime: products.sharesPrime(n) });
    },
  };
}

function findSharingKeys(keys: readonly RegisteredKey[], others: readonly RegisteredKey[]): readonly KeyId[] {
  const moduli = idsByModulus(keys);
  const otherModuli = idsByModulus(others);
  for (const modulus of moduli.keys()) otherModuli.delete(modulus);
  const [own, foreign] = [[...moduli.keys()], [...otherModuli.keys()]];
  const found = others.length === 0 ? findSharing(own) : findSharingWith(own, foreign);
  // Others have a hit only if one of the keys has.
  const foundOthers = others.length > 0 && found.includes(true) ? findSharingWith(foreign, own) : [];
  const compared = others.length === 0 ? own : foreign;
  const idsOf = (ids: ReadonlyMap<bigint, readonly KeyId[]>, hits: readonly boolean[], among: readonly bigint[]) =>
    [...ids].filter(([n], index) => hits[index] === true && sharesProperFactor(n, among)).flatMap(([, same]) => same);
  return [...idsOf(moduli, found, compared), ...idsOf(otherModuli, foundOthers, own)].toSorted((a, b) => a - b);
}

/**
 * Has `n` a common factor, smaller than itself, with one of the numbers? A number that is a multiple of `n` reveals none of its
 * primes: anybody can make one from a public key, so that must not make the key weak.
 */
function sharesProperFactor(n: bigint, numbers: readonly bigint[]): boolean {
  return hasCommonFactor(
    n,
    numbers.filter((number) => number % n !== 0n),
  );
}

function idsByModulus(keys: readonly RegisteredKey[]): Map<bigint, KeyId[]> {
  const ids = new Map<bigint, KeyId[]>();
  for (const { id, spki } of keys) {
    const modulus = modulusOfSpki(spki);
    if (modulus === undefined) continue;
    const n = numberOf(modulus);
    const same = ids.get(n);
    if (same === undefined) ids.set(n, [id]);
    else same.push(id);
  }
  return ids;
}

function findWeakness(n: bigint, modulus: Uint8Array, isPublished: IsPublished): ModulusWeakness | undefined {
  if (hasSmallFactor(n)) return "small_factor";
  if (isProbablePrime(n)) return "prime";
  if (isPerfectPower(n)) return "perfect_power";
  if (hasCloseFactors(n)) return "close_primes";
  if (isRoca(n)) return "roca";
  if (followsPattern(modulus)) return "pattern";
  if (isPublished(createHash("sha256").update(modulus).digest())) return "published";
  return undefined;
}
