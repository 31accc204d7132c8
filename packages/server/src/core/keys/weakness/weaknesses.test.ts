import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, generatePrimeSync } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import { FERMAT_ROUNDS, hasCloseFactors } from "./close-primes.ts";
import { integerRoot } from "./integer-root.ts";
import { createKeyExaminer } from "./key-examiner.ts";
import { bitLength, numberOf, primesBelow, productOf } from "./numbers.ts";
import { followsPattern } from "./pattern.ts";
import { isPerfectPower } from "./perfect-power.ts";
import { isProbablePrime } from "./prime.ts";
import { isRoca } from "./roca.ts";
import { hasSmallFactor } from "./small-factor.ts";

const [p, q] = [prime(1024), prime(1024)] as const;

function prime(bits: number): bigint {
  return generatePrimeSync(bits, { bigint: true });
}

function bytesOf(n: bigint): Buffer {
  const hex = n.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
}

/** Bits that look random and are the same in each run. @param seed another seed gives other bits */
function randomBits(bits: number, seed: string): string {
  let text = "";
  for (let block = 0; text.length < bits; block++) {
    for (const byte of createHash("sha512").update(`${seed} ${block}`).digest()) {
      text += byte.toString(2).padStart(8, "0");
    }
  }
  return `1${text.slice(1, bits)}`;
}

const follows = (bits: string) => followsPattern(bytesOf(BigInt(`0b${bits}`)));

describe("a small factor", () => {
  for (const factor of [2n, 3n, 743n, 751n, 757n, 65_519n, 65_521n]) {
    test(`is found if it is ${factor}`, () => assert.ok(hasSmallFactor(factor * p)));
  }

  test("isn't found if the smallest factor is 65537, the next prime", () => {
    assert.ok(!hasSmallFactor(65_537n * p));
    assert.ok(!hasSmallFactor(p * q));
  });

  test("is found in a product of small primes alone", () => {
    assert.ok(hasSmallFactor(productOf(primesBelow(1500).map(BigInt))));
  });
});

describe("a prime modulus", () => {
  for (const bits of [2048, 2049, 3072]) {
    test(`of ${bits} bits is found`, () => assert.ok(isProbablePrime(prime(bits))));
  }

  test("isn't found in a product of two, three or four primes", () => {
    const [r, s] = [prime(512), prime(512)];
    for (const n of [p * q, p * r * s, prime(512) * r * s * prime(600)]) assert.ok(!isProbablePrime(n));
  });

  test("is found among small numbers as by trial division, but for the pseudoprimes to the base 2", () => {
    const primes = new Set(primesBelow(1200));
    const wrong = [];
    for (let n = 3; n < 1200; n += 2) if (isProbablePrime(BigInt(n)) !== primes.has(n)) wrong.push(n);
    // OEIS A001567
    assert.deepEqual(wrong, [341, 561, 645, 1105]);
  });
});

describe("a perfect power", () => {
  for (const [degree, bits] of [
    [2, 1024],
    [3, 683],
    [4, 512],
    [5, 410],
    [7, 293],
    [31, 66],
    [113, 18],
    [127, 17],
  ] as const) {
    test(`is found if it is a prime's power of the degree ${degree}`, () => {
      const n = prime(bits) ** BigInt(degree);
      assert.ok(isPerfectPower(n));
      assert.ok(!isPerfectPower(n + 2n));
      assert.ok(!isPerfectPower(n - 2n));
    });
  }

  test("is found if the root has several factors, and at 8192 bits", () => {
    assert.ok(isPerfectPower((p * q) ** 2n));
    assert.ok(isPerfectPower((p * q) ** 4n));
  });

  test("isn't found in a product of different primes, nor of a prime and the square of another", () => {
    assert.ok(!isPerfectPower(p * q));
    assert.ok(!isPerfectPower(p * prime(512) ** 2n));
  });
});

describe("an integer root", () => {
  test("is the greatest number whose power isn't over the radicand", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 2n ** 3000n }), fc.integer({ min: 2, max: 600 }), (n, degree) => {
        const root = integerRoot(n, degree);
        assert.ok(root ** BigInt(degree) <= n);
        assert.ok((root + 1n) ** BigInt(degree) > n);
      }),
    );
  });

  test("is exact at a power, below and above it", () => {
    for (const degree of [2, 3, 17, 127]) {
      for (const base of [2n, 3n, 65_537n, p]) {
        const power = base ** BigInt(degree);
        assert.equal(integerRoot(power, degree), base);
        assert.equal(integerRoot(power - 1n, degree), base - 1n);
        assert.equal(integerRoot(power + 1n, degree), base);
      }
    }
  });
});

describe("close primes", () => {
  /** A product whose factors Fermat's method finds in a given round. */
  function foundInRound(round: number, mean: bigint): bigint {
    // The root of mean^2 - distance^2 is below the mean by about distance^2 / (2 mean).
    const distance = integerRoot(2n * mean * BigInt(round + 1), 2);
    for (let near = distance + 2n; near > 0n; near--) {
      const n = mean * mean - near * near;
      if (mean - (integerRoot(n, 2) + 1n) === BigInt(round)) return n;
    }
    throw new Error("there is no such product");
  }

  for (const bits of [2048, 4096, 8192]) {
    const mean = 3n * 2n ** BigInt(bits / 2 - 2) + 7_777n;

    for (const round of [0, 1, FERMAT_ROUNDS - 1]) {
      test(`of a modulus of ${bits} bits are found in the round ${round}`, () => {
        assert.ok(hasCloseFactors(foundInRound(round, mean)));
      });
    }

    test(`of a modulus of ${bits} bits aren't found just outside of the rounds`, () => {
      assert.ok(!hasCloseFactors(foundInRound(FERMAT_ROUNDS, mean)));
    });
  }

  test("that follow each other are found; random ones aren't", () => {
    let next = p + 2n;
    while (!isProbablePrime(next)) next += 2n;
    assert.ok(hasCloseFactors(p * next));
    assert.ok(!hasCloseFactors(p * q));
  });
});

describe("the ROCA flaw", () => {
  /** A number as the flawed library makes them; whether it is prime doesn't matter for the fingerprint. */
  function flawed(primes: number, exponent: bigint, factor: bigint): bigint {
    const product = productOf(primesBelow(1500).slice(0, primes).map(BigInt));
    let power = 1n;
    for (let left = exponent; left > 0n; left--) power = (power * 65_537n) % product;
    return factor * product + power;
  }

  // Numbers of primes by the key's length, as the paper's table 1 has them: up to 960, 1952, 3936 and 4096 bits.
  for (const primes of [39, 71, 126, 225]) {
    test(`is found in keys whose primes are built on the first ${primes} primes`, () => {
      const one = flawed(primes, 123_457n, 2n ** 40n + 15n);
      const other = flawed(primes, 76_543n, 2n ** 41n + 21n);
      assert.ok(isRoca(one * other));
      assert.ok(isRoca(one));
      assert.ok(!isRoca(one * q), "one flawed prime alone");
      assert.ok(!isRoca(one * other + 2n));
    });
  }

  test("isn't found where each remainder is a power of 65537, but not the same", () => {
    // Modulo 11 and 13, 65537 has the order 10 / 2 and 12 / 2; the exponents 0 and 1 contradict each other there.
    const primes = primesBelow(168).slice(1).map(BigInt);
    const product = productOf(primes);
    let n = 1n;
    // By the Chinese remainder theorem: 65537^0 modulo 97 and 65537^1 modulo every other prime.
    for (const r of primes) {
      const rest = product / r;
      const inverse = [...Array(Number(r)).keys()].find((k) => (rest * BigInt(k)) % r === 1n) ?? 0;
      n += rest * BigInt(inverse) * ((r === 97n ? 1n : 65_537n) - 1n);
    }
    assert.ok(!isRoca(n % product));
    assert.ok(isRoca(65_537n));
  });
});

describe("a pattern", () => {
  for (const bits of [2048, 3072, 4096, 8192]) {
    test(`isn't found in ${bits} random bits`, () => {
      for (let seed = 0; seed < 20; seed++) assert.ok(!follows(randomBits(bits, `seed ${seed}`)));
    });
  }

  for (const distance of [1, 9, 64, 500, 1000]) {
    test(`is found if 128 bits occur again ${distance} bits later, and not if only 127 do`, () => {
      const repeat = (length: number) => {
        const bits = randomBits(2048, `repeated ${distance}`).split("");
        // The bits before and after the repetition differ.
        bits[299 + distance] = bits[299] === "1" ? "0" : "1";
        for (let at = 300; at < 300 + length; at++) bits[at + distance] = bits[at] ?? "";
        bits[300 + length + distance] = bits[300 + length] === "1" ? "0" : "1";
        return bits.join("");
      };
      assert.ok(follows(repeat(128)));
      assert.ok(!follows(repeat(127)));
    });
  }

  const random = randomBits(2048, "around");
  for (const [name, bits] of [
    ["a run of 129 zeros", `${random.slice(0, 900)}${"0".repeat(129)}${random.slice(1029)}`],
    ["a run of 129 ones", `${random.slice(0, 900)}${"1".repeat(129)}${random.slice(1029)}`],
    ["a block of 16 bytes twice", `${random.slice(0, 1024)}${random.slice(0, 128)}${random.slice(1152)}`],
    ["words of 32 bits with 13 zeros each", words(32, 13)],
    ["words of 64 bits with 8 zeros each", words(64, 8)],
    ["words of 128 bits with 40 zeros each", words(128, 40)],
    ["text", text()],
    ["two bits in three one", biased(0.667)],
  ] as const) {
    test(`is found in ${name}`, () => assert.ok(follows(bits)));
  }

  for (const [name, bits] of [
    ["a run of 100 zeros", `${random.slice(0, 900)}${"0".repeat(100)}${random.slice(1000)}`],
    ["words of 32 bits of which one has 13 zeros", `${random.slice(0, 960)}${"0".repeat(13)}${random.slice(973)}`],
    ["52 bits in a hundred one", biased(0.52)],
  ] as const) {
    test(`isn't found in ${name}`, () => assert.ok(!follows(bits)));
  }

  /** 2048 bits in words that begin with zeros, but for the first. */
  function words(wordBits: number, zeros: number): string {
    const bits = randomBits(2048, `words ${wordBits}`);
    return bits.replaceAll(new RegExp(`.{${wordBits}}`, "g"), (word, at: number) =>
      at === 0 ? word : "0".repeat(zeros) + word.slice(zeros),
    );
  }

  function text(): string {
    const letters = randomBits(2048, "text").match(/.{8}/g) ?? [];
    return letters.map((letter, at) => (at === 0 ? letter : `011${letter.slice(3)}`)).join("");
  }

  function biased(share: number): string {
    const fractions = randomBits(2048 * 8, "biased").match(/.{8}/g) ?? [];
    return fractions.map((bits, at) => (at === 0 || Number.parseInt(bits, 2) < share * 256 ? "1" : "0")).join("");
  }
});

describe("an examination", () => {
  const examiner = createKeyExaminer(() => false);
  const weaknessOf = async (n: bigint) => (await examiner.examine(bytesOf(n), "test")).weakness;

  test("names the first weakness in the order of the protocol's list", async () => {
    assert.equal(await weaknessOf(3n * p * q), "small_factor");
    assert.equal(await weaknessOf(prime(2048)), "prime");
    assert.equal(await weaknessOf(p * p), "perfect_power", "its factors are close, too");
    assert.equal(await weaknessOf(1n + 2n ** 2047n), "small_factor", "it follows a pattern, too");
    const published = createKeyExaminer(() => true);
    assert.equal((await published.examine(bytesOf(p * p), "test")).weakness, "perfect_power");
    assert.equal((await published.examine(bytesOf(p * q), "test")).weakness, "published");
  });

  test("admits fresh keys, also of three primes and of two lengths", async () => {
    for (const bits of [2048, 2048, 2048, 2048, 2048, 2048, 2056, 2050, 3072, 4096]) {
      const { publicKey } = generateKeyPairSync("rsa", { modulusLength: bits });
      const n = numberOf(Buffer.from(publicKey.export({ format: "jwk" }).n ?? "", "base64url"));
      assert.equal(bitLength(n), bits);
      assert.equal(await weaknessOf(n), undefined);
    }
    assert.equal(await weaknessOf(prime(683) * prime(683) * prime(700)), undefined);
    assert.equal(await weaknessOf(prime(700) * prime(1400)), undefined);
  });
});
