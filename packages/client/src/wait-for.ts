import type { StartTimer } from "./surroundings.ts";

/**
 * What `promise` comes to, or the signal's reason if that comes first. The promise itself goes on: its work may be
 * somebody else's too.
 *
 * @throws the signal's reason, whatever it is, as `fetch` does
 */
export async function waitFor<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return await promise;
  let stop = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/**
 * What `work` comes to. After `ms` milliseconds its signal is aborted, and it isn't waited for any longer, whether it
 * heeds the signal or not.
 *
 * @throws what `late` returns, where the time is over first
 */
export async function withTimeout<Value>(
  startTimer: StartTimer,
  ms: number,
  late: () => Error,
  work: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const controller = new AbortController();
  const cancel = startTimer(ms, () => controller.abort(late()));
  try {
    return await waitFor(work(controller.signal), controller.signal);
  } catch (error) {
    // `work` may have noticed first, and said so in its platform's own words.
    throw controller.signal.aborted ? (controller.signal.reason as Error) : error;
  } finally {
    cancel();
  }
}
