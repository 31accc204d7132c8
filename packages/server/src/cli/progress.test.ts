import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";
import { createTestClock } from "../testing/test-clock.ts";
import { createProgress, progressLine } from "./progress.ts";

test("a line of progress has the share, the count, the rate and the time that is left", () => {
  assert.equal(progressLine(0, 0, 0, "rows"), "[                    ] 0 %, 0 rows, 0/s");
  assert.equal(
    progressLine(0.25, 25_000, 50_000, "rows"),
    "[#####               ] 25 %, 25,000 rows, 500/s, 2 min 30 s left",
  );
  assert.equal(progressLine(0.5, 1000, 10_000, "rows"), "[##########          ] 50 %, 1,000 rows, 100/s, 10 s left");
  assert.equal(progressLine(1.2, 10, 1000, "rows"), "[####################] 100 %, 10 rows, 10/s, 0 s left");
});

test("progress is written to a terminal only, and a few times a second", () => {
  const written: string[] = [];
  const stderr = (isTTY: boolean) =>
    Object.assign(
      new Writable({
        write(chunk: Buffer, _encoding, done) {
          written.push(chunk.toString());
          done();
        },
      }),
      { isTTY },
    );
  const clock = createTestClock();
  const file = createProgress({ stderr: stderr(false), clock }, "rows");
  file.update(0.5, 1);
  file.clear();
  assert.deepEqual(written, []);
  const terminal = createProgress({ stderr: stderr(true), clock }, "rows");
  terminal.update(0.5, 1);
  terminal.update(0.6, 2);
  terminal.clear();
  assert.deepEqual(written, ["\r[##########          ] 50 %, 1 rows, 0/s, 0 s left\u001b[K", "\r\u001b[K"]);
});
