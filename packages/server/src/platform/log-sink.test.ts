import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { createLogSink } from "./log-sink.ts";

const systemError = (code: string) => Object.assign(new Error(code), { code });

/** A destination that accepts so many bytes and then fails with a code. */
function destination(room: number, code = "EAGAIN") {
  const state = { room, text: "", writes: [] as number[] };
  const writeSome = (bytes: Uint8Array) => {
    if (state.room === 0) throw systemError(code);
    const written = Math.min(bytes.length, state.room);
    state.room -= written;
    state.text += Buffer.from(bytes.subarray(0, written)).toString();
    state.writes.push(written);
    return written;
  };
  return { state, writeSome };
}

test("lines are written in order and completely, also if the destination accepts them in pieces", async () => {
  const { state, writeSome } = destination(7);
  const sink = createLogSink(writeSome);
  for (const line of ["one\n", "two\n", "drei ß\n"]) sink.write(line);
  await nextTurn();
  assert.equal(state.text, "one\ntwo");
  state.room = 1000;
  sink.flush();
  assert.equal(state.text, "one\ntwo\ndrei ß\n");
});

test("no write is longer than what a pipe takes atomically, except a longer line", async () => {
  const { state, writeSome } = destination(1_000_000);
  const sink = createLogSink(writeSome);
  for (let count = 0; count < 100; count++) sink.write(`${"x".repeat(299)}\n`);
  await nextTurn();
  assert.equal(state.text.length, 30_000);
  assert.ok(
    state.writes.every((bytes) => bytes <= 4096 && bytes % 300 === 0),
    String(state.writes),
  );
  assert.ok(state.writes.length < 15, "lines are written together");
  sink.write(`${"y".repeat(10_000)}\n`);
  sink.flush();
  assert.equal(state.text.length, 40_001);
});

for (const code of ["EAGAIN", "ENOSPC", "EIO", "EPIPE"]) {
  test(`${code}: lines wait, up to 4 MiB; what is dropped beyond that is counted and said once`, () => {
    const { state, writeSome } = destination(0, code);
    const counts: number[] = [];
    const sink = createLogSink(writeSome, (count) => {
      counts.push(count);
      sink.write(`${count} dropped\n`);
    });
    const line = `${"x".repeat(1023)}\n`;
    for (let count = 0; count < 4096 + 5; count++) sink.write(line);
    sink.flush();
    assert.deepEqual(counts, []);
    state.room = Number.MAX_SAFE_INTEGER;
    sink.flush();
    sink.flush();
    assert.deepEqual(counts, [5]);
    assert.equal(state.text, `${line.repeat(4096)}5 dropped\n`);
  });

  test(`${code}: closing drops what still waits after its time limit, and accepts nothing more`, async () => {
    const { state, writeSome } = destination(0, code);
    const sink = createLogSink(writeSome);
    sink.write("a line\n");
    await sink.end(1);
    state.room = 1000;
    sink.write("another\n");
    sink.flush();
    assert.equal(state.text, "");
  });
}

test("closing writes what waits", async () => {
  const { state, writeSome } = destination(1000);
  const sink = createLogSink(writeSome);
  sink.write("a line\n");
  await sink.end(60_000);
  assert.equal(state.text, "a line\n");
});
