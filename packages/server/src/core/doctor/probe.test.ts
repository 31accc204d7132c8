import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { createTestClock } from "../../testing/test-clock.ts";
import { createTestRandom } from "../../testing/test-random.ts";
import { createProbes, type ProbeAnswer } from "./probe.ts";

const secret = (number: number) => createHash("sha256").update(`secret ${number}`).digest();
const clock = createTestClock();
const probesWith = (...secrets: readonly [Buffer, ...Buffer[]]) => createProbes(secrets, clock, createTestRandom());

const ANSWER: ProbeAnswer = {
  storeId: "ab",
  version: "2.0.0",
  runtime: "v26.10.0",
  peer: "10.0.0.5",
  isPeerTrusted: true,
  client: "198.51.100.7",
  source: { address: "198.51.100.7" },
  mayRead: true,
  forwardedFor: null,
};

test("a service answers only a question that was made under one of its master secrets", () => {
  const service = probesWith(secret(1), secret(2));
  assert.ok(service.isValid(probesWith(secret(1)).ask()));
  assert.ok(service.isValid(probesWith(secret(2)).ask()));
  assert.ok(!service.isValid(probesWith(secret(3)).ask()));
  const question = probesWith(secret(1)).ask();
  for (const other of [undefined, "", "x", question.slice(1), `${question}A`, question.repeat(9), [question], 7]) {
    assert.ok(!service.isValid(other), String(other));
  }
});

test("a question is answered for ten minutes, and not at their end", () => {
  const probes = createProbes([secret(1)], clock, createTestRandom());
  const question = probes.ask();
  clock.advanceSeconds(599);
  assert.ok(probes.isValid(question));
  clock.advanceSeconds(1);
  assert.ok(!probes.isValid(question));
});

test("an answer is believed only from a service with the master secret, to this question, and unaltered", () => {
  const doctor = probesWith(secret(1));
  const question = doctor.ask();
  const text = probesWith(secret(2), secret(1)).answer(question, ANSWER);
  assert.deepEqual(doctor.read(question, text), ANSWER);
  assert.equal(doctor.read(doctor.ask(), text), undefined);
  assert.equal(doctor.read(question, text.replace("10.0.0.5", "10.0.0.6")), undefined);
  assert.equal(doctor.read(question, probesWith(secret(3)).answer(question, ANSWER)), undefined);
  for (const other of ["", "null", "[]", "{}", '{"answer":"{}","proofs":[]}', '{"answer":"{}","proofs":["x",7]}']) {
    assert.equal(doctor.read(question, other), undefined, other);
  }
});
