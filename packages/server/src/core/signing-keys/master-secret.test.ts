import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { findMasterSecretProblem } from "./master-secret.ts";

test("32 random bytes are a master secret", () => {
  for (let round = 0; round < 2000; round++) assert.equal(findMasterSecretProblem(randomBytes(32)), undefined);
});

const bytes = (byteAt: (index: number) => number) =>
  Buffer.from(Array.from({ length: 32 }, (_, index) => byteAt(index)));

for (const [name, secret] of Object.entries({
  zeros: bytes(() => 0),
  "one repeated byte": bytes(() => 0xa5),
  "a counter": bytes((index) => index),
  "a counter with a large step": bytes((index) => 7 + 41 * index),
  "a counter backwards": bytes((index) => 255 - index),
  "a repeated pattern": Buffer.from("deadbeefcafebabe".repeat(4), "hex"),
  "16 random bytes twice": Buffer.concat(Array<Buffer>(2).fill(randomBytes(16))),
  "a few random bytes and zeros": Buffer.concat([randomBytes(8), Buffer.alloc(24)]),
  "the letters of a password": Buffer.from("correct horse battery staple 123"),
  "hexadecimal digits as text": Buffer.from(randomBytes(16).toString("hex")),
})) {
  test(`${name} can't be a master secret`, () => {
    const problem = findMasterSecretProblem(secret);
    assert.match(problem ?? "", /^isn't random; make 32 random bytes with: openssl rand -base64 32$/);
  });
}
