/** The thread of `key-examiner-thread.ts`: it calls an examiner's methods as it is told, one after the other. */
import { parentPort, workerData } from "node:worker_threads";
import { createKeyExaminer, type KeyExaminer } from "../core/keys/weakness/key-examiner.ts";
import { createIsPublished } from "./key-blocklist.ts";

/** A call of one of the examiner's methods. */
export type ExaminerTask = {
  [Method in TaskName]: { readonly method: Method; readonly args: Parameters<KeyExaminer[Method]> };
}[TaskName];
export type TaskName = Exclude<keyof KeyExaminer, "learntThrough">;

/** What the call returned, or why it failed. */
export type ExaminerAnswer = { readonly result: unknown } | { readonly problem: string };

const { blocklists } = workerData as { readonly blocklists: readonly string[] };
const examiner = createKeyExaminer(createIsPublished(blocklists));

parentPort?.on("message", ({ method, args }: ExaminerTask) => {
  const run = examiner[method] as (...args: ExaminerTask["args"]) => Promise<unknown>;
  // A method may also throw at once.
  const call = async () => run(...args);
  call().then(
    (result) => parentPort?.postMessage({ result } satisfies ExaminerAnswer),
    (error: unknown) => parentPort?.postMessage({ problem: String(error) } satisfies ExaminerAnswer),
  );
});
