import { createHook } from "node:async_hooks";

/**
 * How many RSA operations `work` handed to libuv's threads. The runtime itself says so: each is an asynchronous resource of
 * the type SIGNREQUEST (Node's name for signing and verifying). Nothing else may run meanwhile in the same process.
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
