import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

type Collect = (options: { readonly type: "major"; readonly execution: "async" }) => Promise<void>;

/**
 * Runs a full garbage collection. V8 by itself runs one only when memory is short, and after a flood of connections that may
 * never happen. A run takes some tens of milliseconds, so call this rarely.
 */
export async function collectGarbage(): Promise<void> {
  // The flag adds V8's `gc` function to contexts created afterwards (v8.dev/docs/flags).
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as Collect;
  await collect({ type: "major", execution: "async" });
}
