import { readAtMostEvery } from "../read-at-most-every.ts";
import type { SigningKeyStore } from "./store.ts";

/** How many signing keys are in each state, and since when the current one signs; for metrics. */
export interface SigningKeyFigures {
  /** Keys that sign nothing until every live node can check their tokens. */
  readonly waiting: number;
  /** Keys whose tokens are valid. The newest of them signs. */
  readonly active: number;
  readonly retired: number;
  /** When the newest active key began to sign, in milliseconds since the epoch; `undefined` if there is none. */
  readonly signsSinceMs: number | undefined;
}

/** How long figures are good for, in milliseconds. */
const FIGURES_FRESH_MS = 60_000;

/** The figures of signing keys: read from the store at most once a minute. `undefined` if the store can't be read. */
export function createSigningKeyFigures(
  store: SigningKeyStore,
  clock: { monotonicMs(): number },
): () => Promise<SigningKeyFigures | undefined> {
  return readAtMostEvery(FIGURES_FRESH_MS, clock, async () => {
    const keys = await store.list();
    const inUse = keys.filter(({ retiredAtMs }) => retiredAtMs === null);
    const activations = inUse.flatMap(({ activatedAtMs }) => activatedAtMs ?? []);
    return {
      waiting: inUse.length - activations.length,
      active: activations.length,
      retired: keys.length - inUse.length,
      signsSinceMs: activations.at(-1),
    };
  });
}
