/** Reads a big-endian number. */
export function numberOf(bytes: Uint8Array): bigint {
  return bytes.length === 0
    ? 0n
    : BigInt(`0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")}`);
}

/** The bits of two numbers that {@link gcd} reduces at once; their cofactors stay exact in a double. */
const LEADING_BITS = 50;

/** Below this length, Euclid's plain algorithm is as fast. */
const PLAIN_BITS = 128;

/**
 * The greatest common divisor of two numbers that aren't negative, by Lehmer's algorithm (Knuth, The Art of Computer Programming 2,
 * 4.5.2, algorithm L): the leading bits of both give several steps of Euclid's algorithm, which are applied to the whole numbers at
 * once.
 */
export function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = a >= b ? [a, b] : [b, a];
  while (y !== 0n) {
    const bits = bitLength(x);
    const steps = bits < PLAIN_BITS ? undefined : leadingSteps(x, y, BigInt(bits - LEADING_BITS));
    if (steps === undefined) {
      [x, y] = [y, x % y];
      continue;
    }
    const [xx, xy, yx, yy] = steps;
    [x, y] = [xx * x + xy * y, yx * x + yy * y];
  }
  return x;
}

/**
 * The steps of Euclid's algorithm that the leading bits alone determine, as a matrix to apply to both numbers.
 *
 * @returns `undefined` if they determine none
 */
function leadingSteps(x: bigint, y: bigint, shift: bigint): readonly [bigint, bigint, bigint, bigint] | undefined {
  let [high, low] = [Number(x >> shift), Number(y >> shift)];
  let [xx, xy, yx, yy] = [1, 0, 0, 1];
  for (;;) {
    if (low + yx === 0 || low + yy === 0) break;
    const quotient = Math.floor((high + xx) / (low + yx));
    if (quotient !== Math.floor((high + xy) / (low + yy))) break;
    [xx, yx] = [yx, xx - quotient * yx];
    [xy, yy] = [yy, xy - quotient * yy];
    [high, low] = [low, high - quotient * low];
  }
  return xy === 0 ? undefined : [BigInt(xx), BigInt(xy), BigInt(yx), BigInt(yy)];
}

/** The same of two small numbers. */
export function gcdOf(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  return x;
}

/** The number of bits of a positive number. */
export function bitLength(n: bigint): number {
  const hex = n.toString(16);
  return hex.length * 4 - Math.clz32(Number.parseInt(hex.charAt(0), 16)) + 28;
}

/** Primes below a limit, in order. */
export function primesBelow(limit: number): number[] {
  const isComposite = new Uint8Array(limit);
  const primes: number[] = [];
  for (let candidate = 2; candidate < limit; candidate++) {
    if (isComposite[candidate] === 1) continue;
    primes.push(candidate);
    for (let multiple = candidate * candidate; multiple < limit; multiple += candidate) isComposite[multiple] = 1;
  }
  return primes;
}

/** The product of numbers, multiplied in pairs, so that both factors of each product are of about the same length. */
export function productOf(numbers: readonly bigint[]): bigint {
  if (numbers.length <= 1) return numbers[0] ?? 1n;
  const half = numbers.length >> 1;
  return productOf(numbers.slice(0, half)) * productOf(numbers.slice(half));
}
