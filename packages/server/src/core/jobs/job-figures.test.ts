import assert from "node:assert/strict";
import { test } from "node:test";
import { createJobFigures } from "./job-figures.ts";

test("a job's figures say when it ran last and how often it should run, also before its first run", async () => {
  const ran: Readonly<Record<string, number>> = { audit: 5000 };
  const find = (name: string) => Promise.resolve({ ranAtMs: ran[name] ?? null, position: null, isHeld: false });
  const jobs = [
    { name: "audit", intervalMs: 60_000 },
    { name: "reminders", intervalMs: 1000 },
  ];
  const figures = createJobFigures({ find }, jobs, { monotonicMs: () => 0 });
  assert.deepEqual(await figures(), [
    { name: "audit", intervalMs: 60_000, ranAtMs: 5000 },
    { name: "reminders", intervalMs: 1000, ranAtMs: null },
  ]);
});
