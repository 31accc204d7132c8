/** Numbers from 0 to below 1, the same for the same seed, which isn't 0 (xorshift32, Marsaglia 2003). */
export function createRandom(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b9);
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
