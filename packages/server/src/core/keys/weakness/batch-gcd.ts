import { gcd } from "./numbers.ts";

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
