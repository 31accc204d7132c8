import { createHook } from "node:async_hooks";

/**
 * Counts the RSA operations that `work` passes to libuv's threads, as the runtime reports them: each is an asynchronous
 * resource of the type SIGNREQUEST (Node's name for signing and verifying). Nothing else may run in the same process
 * meanwhile.
 */
export async function countRsaOperations(work: () => Promise<unknown>): Promise<number> {
  let operations = 0;
  const hook = createHook({
    init(_id, type) {
      if (type === "SIGNREQUEST") operations++;
    },
  });
  hook.enable();
  try {
    await work();
  } finally {
    hook.disable();
  }
  return operations;
}
