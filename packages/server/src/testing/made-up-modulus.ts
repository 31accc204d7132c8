/** A modulus of exactly `bits` bits without a prime factor below 752. Its factors are unknown, and it costs no key generation. */
export function madeUpModulus(bits: number): Buffer {
  const product = smallPrimes(752).reduce((all, prime) => all * BigInt(prime), 1n);
  let modulus = (1n << BigInt(bits - 1)) + 12_345n;
  for (;;) {
    if (coprime(modulus, product)) break;
    modulus++;
  }
  const hex = modulus.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
}

function coprime(a: bigint, b: bigint): boolean {
  let [x, y] = [b, a % b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x === 1n;
}

function smallPrimes(limit: number): number[] {
  const primes: number[] = [];
  for (let candidate = 2; candidate < limit; candidate++) {
    if (primes.every((prime) => candidate % prime !== 0)) primes.push(candidate);
  }
  return primes;
}
