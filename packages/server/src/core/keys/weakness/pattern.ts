/** A modulus in which a sequence of this many bits occurs twice follows a pattern. */
const REPEATED_BITS = 128;

/** The lengths of rows, in bits, in which the modulus is written to find columns that aren't random; 1 finds a bias of all bits. */
const ROW_BITS = [1, 8, 16, 32, 64, 128];

/** A modulus that its rows' code makes shorter by this many bits follows a pattern. */
const SAVED_BITS = 96;

/**
 * Does the modulus follow a pattern that random primes don't give? There are two tests:
 *
 * - No sequence of {@link REPEATED_BITS} bits occurs twice. It finds runs of zeros or ones and repeated blocks, wherever they are.
 * - No code for columns makes it shorter by {@link SAVED_BITS} bits. The modulus is written in rows, and each column is coded by how
 *   many ones it has (Krichevsky and Trofimov 1981). It finds words with the same bits at zero, text, and a bias of all bits.
 *
 * How many ordinary keys this refuses can be counted. A modulus of b bits is a product of two random primes of b/2 bits with the top
 * two bits set, of which there are at least 2^(b/2-13.5), up to b = 8192 (prime number theorem). So no modulus has a probability over
 * 2^(28-b), with either order of its primes. Of the 2^b numbers, at most 2^25*2^(b-128) have a repetition at one of the 2^25 pairs of
 * places, and at most 2^(b-96) have a code that is 96 bits shorter (Kraft), for each of the 6 codes. Together that is a probability
 * below 2^(28+25-128) + 6*2^(28-96) < 2^-65 for each key.
 *
 * @param modulus big-endian, without leading zeros
 */
export function followsPattern(modulus: Uint8Array): boolean {
  const bits = bitsOf(modulus);
  return hasRepetition(bits) || ROW_BITS.some((rowBits) => codeBits(bits, rowBits) <= bits.length - SAVED_BITS);
}

/** The bits from the highest on, as "0" and "1". */
function bitsOf(modulus: Uint8Array): string {
  let bits = "";
  for (const byte of modulus) bits += byte.toString(2).padStart(8, "0");
  return bits.replace(/^0+/, "");
}

function hasRepetition(bits: string): boolean {
  // A repeated sequence repeats the words at its beginning. Few ordinary moduli have such a word, and only those are searched.
  if (!hasRepeatedWord(bits)) return false;
  const seen = new Set<string>();
  for (let at = 0; at + REPEATED_BITS <= bits.length; at++) {
    const sequence = bits.slice(at, at + REPEATED_BITS);
    if (seen.has(sequence)) return true;
    seen.add(sequence);
  }
  return false;
}

/** Do the same 32 bits occur twice? */
function hasRepeatedWord(bits: string): boolean {
  const words = new Uint32Array(Math.max(0, bits.length - 31));
  let word = 0;
  for (let at = 0; at < bits.length; at++) {
    word = (word << 1) | (bits.charCodeAt(at) & 1);
    if (at >= 31) words[at - 31] = word;
  }
  words.sort();
  return words.some((value, index) => index > 0 && value === words[index - 1]);
}

/** The length of the modulus in bits if each column is coded by how many ones it has. Rows are aligned to the lowest bit. */
function codeBits(bits: string, rowBits: number): number {
  let total = 0;
  for (let column = 0; column < rowBits; column++) {
    let ones = 0;
    let rows = 0;
    for (let at = bits.length - 1 - column; at >= 0; at -= rowBits) {
      ones += bits.charCodeAt(at) & 1;
      rows++;
    }
    total += columnBits(ones, rows - ones);
  }
  return total;
}

/** One bit says how a column is coded: as it is, or by the ideal code of the estimator, minus the logarithm of its probability. */
function columnBits(ones: number, zeros: number): number {
  return 1 + Math.min(ones + zeros, estimatorBits(ones, zeros));
}

function estimatorBits(ones: number, zeros: number): number {
  return (
    lengthOf(ALL_LOGARITHMS, 1, ones + zeros) -
    lengthOf(HALF_LOGARITHMS, 0.5, ones) -
    lengthOf(HALF_LOGARITHMS, 0.5, zeros)
  );
}

/** Sums of logarithms, log2(first) + log2(first + 1) + …, by how many there are; as long as a column has needed so far. */
const ALL_LOGARITHMS = [0];
const HALF_LOGARITHMS = [0];

function lengthOf(sums: number[], first: number, count: number): number {
  for (let known = sums.length; known <= count; known++)
    sums.push((sums[known - 1] ?? 0) + Math.log2(known - 1 + first));
  return sums[count] ?? 0;
}
