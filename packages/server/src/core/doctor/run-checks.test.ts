import assert from "node:assert/strict";
import { test } from "node:test";
import { observe, POINTLESS } from "./finding.ts";
import { type Check, runChecks } from "./run-checks.ts";

/** A pause that ends when it is aborted, or when so many others were: the checks that are still running take too long. */
function pauseUntilEnded(others = Number.POSITIVE_INFINITY) {
  const waiting = new Set<() => void>();
  let ended = 0;
  return (_milliseconds: number, signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      waiting.add(resolve);
      signal.addEventListener("abort", () => {
        waiting.delete(resolve);
        resolve();
        if (++ended === others) for (const end of waiting) end();
      });
    });
}

const options = { msMax: 10_000, redact: (text: string) => text.replaceAll("hunter2", "[redacted]") };

test("a check that throws, and one that never ends, become findings beside those of the others", async () => {
  const pause = pauseUntilEnded(3);
  const checks: readonly Check[] = [
    { name: "store", run: () => Promise.reject(new Error("no route to db:hunter2\n  at x")) },
    { name: "clock", run: () => new Promise(() => undefined) },
    { name: "files", run: () => Promise.resolve(observe("closed")) },
    { name: "single_sign_on", run: () => Promise.resolve(POINTLESS) },
  ];
  const { status, counts, findings } = await runChecks(checks, { ...options, pause });
  assert.deepEqual(
    findings.map(({ check, code }) => [check, code]),
    [
      ["files", "ok"],
      ["store", "check_failed"],
      ["clock", "check_timed_out"],
    ],
  );
  assert.equal(status, "warning");
  assert.deepEqual(counts, { ok: 1, info: 0, warning: 2, error: 0 });
  assert.equal(findings[1]?.found.endsWith("failed: no route to db:[redacted] at x"), true);
});

test("a check that occupies the process runs after all others have ended", async () => {
  const pause = pauseUntilEnded();
  const ended: string[] = [];
  const slow = Promise.withResolvers<void>();
  const running = runChecks(
    [
      {
        name: "damage",
        isHeavy: true,
        run: async () => {
          ended.push("damage");
          return observe("whole");
        },
      },
      {
        name: "clock",
        run: async () => {
          await slow.promise;
          ended.push("clock");
          return observe("right");
        },
      },
    ],
    { ...options, pause },
  );
  slow.resolve();
  await running;
  assert.deepEqual(ended, ["clock", "damage"]);
});

test("the status is the worst severity; what is only to know doesn't count", async () => {
  const pause = pauseUntilEnded();
  const statusOf = async (...problems: Parameters<typeof observe>[1][]) =>
    (await runChecks([{ name: "store", run: async () => observe("", ...problems) }], { ...options, pause })).status;
  const info = { code: "backup_unknown", found: "…" } as const;
  const warning = { code: "disk_low", found: "…" } as const;
  const error = { code: "disk_full", found: "…" } as const;
  assert.equal(await statusOf(info), "ok");
  assert.equal(await statusOf(info, warning), "warning");
  assert.equal(await statusOf(warning, error, info), "error");
});
