import assert from "node:assert/strict";
import { generatePrimeSync } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import { findSharing, findSharingWith } from "./batch-gcd.ts";
import { gcd, primesBelow } from "./numbers.ts";
import { createProducts, hasCommonFactor } from "./shared-prime.ts";

/** Products of two small primes: enough of them that many share a factor. */
const PRIMES = primesBelow(2000).slice(100).map(BigInt);
const semiprime = fc.tuple(fc.constantFrom(...PRIMES), fc.constantFrom(...PRIMES)).map(([p, q]) => p * q);
const semiprimes = fc.uniqueArray(semiprime, { maxLength: 70 });

describe("a batch gcd", () => {
  test("finds what a gcd of each pair finds", () => {
    fc.assert(
      fc.property(semiprimes, (moduli) => {
        const pairwise = moduli.map((n) => moduli.some((other) => other !== n && gcd(n, other) !== 1n));
        assert.deepEqual(findSharing(moduli), pairwise);
      }),
    );
  });

  test("between two sets finds what a gcd of each pair finds", () => {
    fc.assert(
      fc.property(semiprimes, semiprimes, (moduli, others) => {
        const rest = others.filter((other) => !moduli.includes(other));
        const pairwise = moduli.map((n) => rest.some((other) => gcd(n, other) !== 1n));
        assert.deepEqual(findSharingWith(moduli, rest), pairwise);
      }),
    );
  });

  test("finds two keys with a common prime among 60, and nobody else", () => {
    const primes = Array.from({ length: 120 }, () => generatePrimeSync(256, { bigint: true }));
    const moduli = primes.slice(0, 60).map((p, index) => p * (primes[60 + index] ?? 1n));
    moduli[41] = (primes[7] ?? 1n) * (primes[101] ?? 1n);
    const found = findSharing(moduli).flatMap((isFound, index) => (isFound ? [index] : []));
    assert.deepEqual(found, [7, 41]);
  });

  test("of nothing and of one number finds nothing", () => {
    assert.deepEqual(findSharing([]), []);
    assert.deepEqual(findSharing([15n]), [false]);
    assert.deepEqual(findSharingWith([], [15n]), []);
    assert.deepEqual(findSharingWith([15n], []), [false]);
  });
});

describe("the greatest common divisor", () => {
  test("is the one of Euclid's plain algorithm, for numbers of any lengths", () => {
    const numbers = fc.tuple(fc.bigInt(0n, 2n ** 300n), fc.bigInt(0n, 2n ** 2100n), fc.bigInt(0n, 2n ** 2100n));
    fc.assert(
      fc.property(numbers, ([factor, a, b]) => {
        let [x, y] = [a * factor, b * factor];
        while (y !== 0n) [x, y] = [y, x % y];
        assert.equal(gcd(a * factor, b * factor), x);
      }),
    );
  });

  test("of numbers whose quotients are all 1 is found, too", () => {
    let [a, b] = [1n, 1n];
    while (a < 2n ** 2048n) [a, b] = [a + b, a];
    assert.equal(gcd(a, b), 1n);
    assert.equal(gcd(b * 101n, a * 101n), 101n);
  });
});

describe("products of registered moduli", () => {
  const moduli = Array.from({ length: 150 }, (_, index) => (PRIMES[index] ?? 1n) * 1_000_003n ** 2n);

  test("find a common factor with any of them, in a whole chunk and in the last one", () => {
    const products = createProducts(1000);
    assert.ok(!products.sharesPrime(15n), "nothing was added yet");
    for (const modulus of moduli) products.add(modulus);
    for (const index of [0, 63, 64, 127, 128, 149]) assert.ok(products.sharesPrime((PRIMES[index] ?? 1n) * 7n));
    assert.ok(products.sharesPrime(moduli[3] ?? 1n), "the same modulus");
    assert.ok(!products.sharesPrime((PRIMES[150] ?? 1n) * 7n));
    products.clear();
    assert.ok(!products.sharesPrime(moduli[3] ?? 1n));
  });

  test("drop the oldest chunk where there are too many, and keep at least as many as they must", () => {
    const many = primesBelow(100_000).slice(100, 9000).map(BigInt);
    const products = createProducts(4096);
    for (const prime of many) products.add(prime);
    assert.ok(!products.sharesPrime((many[0] ?? 1n) * 7n));
    for (const prime of many.slice(-4096)) assert.ok(products.sharesPrime(prime * 7n));
  });

  test("find among many moduli what they find one by one, and the moduli that share a factor with each other", () => {
    fc.assert(
      fc.property(semiprimes, semiprimes, (registered, asked) => {
        const products = createProducts(1000);
        for (const modulus of registered) products.add(modulus);
        const expected = asked.map(
          (n) => products.sharesPrime(n) || asked.some((other) => other !== n && gcd(n, other) !== 1n),
        );
        assert.deepEqual(products.findSharing(asked), expected);
      }),
    );
  });

  test("are combined in one remainder", () => {
    fc.assert(
      fc.property(semiprime, semiprimes, (n, others) => {
        assert.equal(
          hasCommonFactor(n, others),
          others.some((other) => gcd(n, other) !== 1n),
        );
      }),
    );
  });
});
