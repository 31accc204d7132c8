import type { KeyExaminer, ModulusWeakness } from "../core/keys/weakness/key-examiner.ts";
import { createKeyExaminerThread, type KeyExaminerThread, slicesOf } from "./key-examiner-thread.ts";

/** The longest that one task may take, in milliseconds: nobody else waits for these threads, and the machine may be busy. */
const TASK_MS_MAX = 120_000;

/**
 * Several threads that examine the keys of a long list together. The first of them also knows the registered keys and compares with
 * them; the others have the rest of its time.
 *
 * @param threadsMax how many; at least 1
 */
export function createKeyExaminerPool(blocklists: readonly string[], threadsMax: number): KeyExaminerThread {
  const first = createKeyExaminerThread(blocklists, undefined, TASK_MS_MAX);
  const others = Array.from({ length: threadsMax - 1 }, () =>
    createKeyExaminerThread(blocklists, undefined, TASK_MS_MAX),
  );

  /** Each thread takes the next part of the list when it has done one, so a thread that is busy otherwise takes fewer. */
  async function findWeaknesses(moduli: readonly Uint8Array[], client: string) {
    const slices = slicesOf(moduli);
    const found: (readonly (ModulusWeakness | undefined)[])[] = [];
    let next = 0;
    const take = async (examiner: KeyExaminer) => {
      for (let place = next++; place < slices.length; place = next++) {
        found[place] = await examiner.findWeaknesses(slices[place] ?? [], client);
      }
    };
    await Promise.all([first, ...others].map(take));
    return found.flat();
  }

  return {
    ...first,
    findWeaknesses,
    async close() {
      await Promise.all([first, ...others].map((thread) => thread.close()));
    },
  };
}
