import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

type Collect = (options: { readonly type: "major"; readonly execution: "async" }) => Promise<void>;

/**
 * Has V8 give back what nothing refers to any more. By itself it does so when memory runs short, which after a flood of
 * connections may be never. It takes some tens of milliseconds, so call it seldom.
 */
export async function collectGarbage(): Promise<void> {
  // V8's own function (v8.dev/docs/flags); only contexts that are made afterwards have it.
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as Collect;
  await collect({ type: "major", execution: "async" });
}
