/** The thread of `key-examiner-thread.ts`. */
import { parentPort, workerData } from "node:worker_threads";
import { createKeyExaminer, type Examination, type RegisteredKey } from "../core/keys/weakness/key-examiner.ts";
import { createIsPublished } from "./key-blocklist.ts";

export type ExaminerTask =
  | { readonly kind: "learn"; readonly keys: readonly RegisteredKey[] }
  | { readonly kind: "forget" }
  | { readonly kind: "examine"; readonly modulus: Uint8Array };

/** The answer to each task, in order. Tasks other than `examine` are answered with an empty examination. */
export type ExaminerAnswer = { readonly examination: Examination } | { readonly problem: string };

const NOTHING: Examination = { weakness: undefined, sharesPrime: false };

const { blocklists } = workerData as { readonly blocklists: readonly string[] };
const examiner = createKeyExaminer(createIsPublished(blocklists));

async function run(task: ExaminerTask): Promise<Examination> {
  if (task.kind === "examine") return examiner.examine(task.modulus, "");
  if (task.kind === "learn") await examiner.learn(task.keys);
  else await examiner.forget();
  return NOTHING;
}

parentPort?.on("message", (task: ExaminerTask) => {
  run(task).then(
    (examination) => parentPort?.postMessage({ examination } satisfies ExaminerAnswer),
    (error: unknown) => parentPort?.postMessage({ problem: String(error) } satisfies ExaminerAnswer),
  );
});
