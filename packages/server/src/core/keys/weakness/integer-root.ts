import { bitLength } from "./numbers.ts";

/** Bits of a double's mantissa that the first guess uses. */
const GUESS_BITS = 52;

/** The greatest integer whose `degree`-th power isn't over `n`, by Newton's iteration. @param n positive @param degree 2 or more */
export function integerRoot(n: bigint, degree: number): bigint {
  const k = BigInt(degree);
  let root = guessAbove(n, degree);
  for (;;) {
    // From above, the iteration falls until it has passed the root's integer part.
    const next = ((k - 1n) * root + n / root ** (k - 1n)) / k;
    if (next >= root) return root;
    root = next;
  }
}

/** A number that is at least the root, and over it by less than one part in 2^30, or by one. */
function guessAbove(n: bigint, degree: number): bigint {
  const shift = Math.max(0, bitLength(n) - GUESS_BITS);
  const exponent = (Math.log2(Number(n >> BigInt(shift))) + shift) / degree;
  const whole = Math.max(0, Math.floor(exponent) - GUESS_BITS);
  const leading = BigInt(Math.ceil(2 ** (exponent - whole)));
  return ((leading + (leading >> 32n) + 1n) << BigInt(whole)) + 1n;
}
