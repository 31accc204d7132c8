import { bitLength, gcd } from "./numbers.ts";

/**
 * Which of these moduli have a common factor with another one? It is Bernstein's batch gcd ("How to find smooth parts of integers",
 * 2004) by a product tree and a remainder tree, in about the time of a few multiplications of the whole product.
 *
 * @param moduli no two are equal
 * @returns one answer for each modulus
 */
export function findSharing(moduli: readonly bigint[]): readonly boolean[] {
  const tree = productTree(moduli);
  const [product = 1n] = tree.at(-1) ?? [];
  // Modulo the square, the product keeps what is left of it without the modulus itself.
  const squares = tree.map((level) => level.map((node) => node * node));
  return remainders(squares, product).map((remainder, index) => {
    const modulus = moduli[index] ?? 1n;
    return gcd(modulus, remainder / modulus) !== 1n;
  });
}

/**
 * Which of these moduli have a common factor with one of the others?
 *
 * @param others none equals one of the moduli
 * @returns one answer for each modulus
 */
export function findSharingWith(moduli: readonly bigint[], others: readonly bigint[]): readonly boolean[] {
  const [product = 1n] = productTree(others).at(-1) ?? [];
  return remainders(productTree(moduli), product).map((remainder, index) => gcd(moduli[index] ?? 1n, remainder) !== 1n);
}

/**
 * Which of these moduli have a common factor with another one of them, or with one of the others?
 *
 * The products of all moduli but one are found without a square: their sum is the derivative of the product, and modulo one of the
 * moduli all summands but its own vanish. So the moduli and the others need one remainder tree together.
 *
 * @param moduli no two are equal
 * @param others numbers, such as products of moduli; none is a multiple of one of the moduli unless that is to be found, too
 * @returns one answer for each modulus
 */
export function findSharingAmong(moduli: readonly bigint[], others: readonly bigint[]): readonly boolean[] {
  if (moduli.length === 0) return [];
  const tree = productTree(moduli);
  const reduce = createReduce(tree.at(-1)?.[0] ?? 1n);
  let product = reduce(derivativeOf(tree));
  for (const other of others) product = reduce(product * reduce(other));
  return remainders(tree, product).map((remainder, index) => gcd(moduli[index] ?? 1n, remainder) !== 1n);
}

/** The sum of the products of all leaves but one. */
function derivativeOf(tree: readonly (readonly bigint[])[]): bigint {
  let level: readonly bigint[] = (tree[0] ?? []).map(() => 1n);
  for (const nodes of tree.slice(0, -1)) {
    const below = level;
    level = Array.from({ length: Math.ceil(below.length / 2) }, (_, index) => {
      const [left, right] = [2 * index, 2 * index + 1];
      return (below[left] ?? 0n) * (nodes[right] ?? 1n) + (below[right] ?? 0n) * (nodes[left] ?? 1n);
    });
  }
  return level[0] ?? 0n;
}

/** Reduces numbers modulo one number; with its inverse computed once (Barrett 1986), each takes two multiplications. */
function createReduce(modulus: bigint): (n: bigint) => bigint {
  const bits = BigInt(bitLength(modulus));
  const inverse = (1n << (2n * bits)) / modulus;
  return (n) => {
    if (n < modulus) return n;
    if (n >> (2n * bits) !== 0n) return n % modulus;
    let rest = n - (((n >> (bits - 1n)) * inverse) >> (bits + 1n)) * modulus;
    while (rest >= modulus) rest -= modulus;
    return rest;
  };
}

/** Level by level, each node is the product of two nodes of the level before; the last level is the whole product. */
function productTree(numbers: readonly bigint[]): readonly (readonly bigint[])[] {
  let level = numbers;
  const tree = [level];
  while (level.length > 1) {
    const below = level;
    level = Array.from(
      { length: Math.ceil(below.length / 2) },
      (_, index) => (below[2 * index] ?? 1n) * (below[2 * index + 1] ?? 1n),
    );
    tree.push(level);
  }
  return tree;
}

/** The number modulo each leaf of a product tree. */
function remainders(tree: readonly (readonly bigint[])[], number: bigint): readonly bigint[] {
  let above: readonly bigint[] = [number];
  for (const level of tree.toReversed()) {
    const parents = above;
    above = level.map((node, index) => (parents[parents.length === 1 ? 0 : index >> 1] ?? 0n) % node);
  }
  return above;
}
