/**
 * The composition root: the only folder that knows every part, and puts them together. What a part does must not live here.
 *
 * `service.ts` reads as the list of a node's parts. Tests call the same functions with a clock, randomness and a store of
 * their own.
 */
import { readFileSync } from "node:fs";
import type { Clock, Random } from "../core/surroundings.ts";
import { createSystemClock } from "../platform/clock.ts";
import { createSystemRandom } from "../platform/random.ts";

/** What tests replace. */
export interface Surroundings {
  readonly clock: Clock;
  readonly random: Random;
}

export function systemSurroundings(): Surroundings {
  return { clock: createSystemClock(), random: createSystemRandom() };
}

const PACKAGE = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  readonly version: string;
  readonly engines: { readonly node: string };
};

/** The release's version, from the package. */
export const VERSION = PACKAGE.version;

/** The oldest version of Node that the release supports, such as `24.7`. */
export const OLDEST_RUNTIME = PACKAGE.engines.node.replace(/^>=/, "");
