import assert from "node:assert/strict";
import { createHash, generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { after, afterEach, beforeEach, describe, test } from "node:test";
import { rsaKeyPair } from "../../../../test/testkit/rsa-keys.ts";
import { parsePublicKey } from "../core/keys/admission.ts";
import type { KeyId } from "../core/keys/model.ts";
import { refusalOf } from "../testing/refusal-of.ts";
import { makeTemporaryFolder } from "../testing/test-registry.ts";
import { createKeyExaminerThread, type KeyExaminerThread } from "./key-examiner-thread.ts";

const { spki, modulus } = parsePublicKey(rsaKeyPair("alice").publicPem);
const folder = makeTemporaryFolder();
const blocklist = folder.file("blocklist");
/** A modulus that is examined in no time. */
const TINY = Buffer.from([15]);

let thread: KeyExaminerThread;
let problems: unknown[];

beforeEach(() => {
  problems = [];
  thread = createKeyExaminerThread([], (problem) => problems.push(problem));
});
afterEach(() => thread.close());
after(() => folder.remove());

describe("the thread that examines keys", () => {
  test("examines as the examiner does, and compares with the keys that it has learnt", async () => {
    assert.deepEqual(await thread.examine(modulus, "test"), { weakness: undefined, sharesPrime: false });
    assert.deepEqual(await thread.examine(TINY, "test"), { weakness: "small_factor", sharesPrime: false });
    await thread.learn([{ id: 7 as KeyId, spki }]);
    assert.equal(thread.learntThrough(), 7);
    assert.equal((await thread.examine(modulus, "test")).sharesPrime, true);
    await thread.forget();
    assert.equal(thread.learntThrough(), 0);
    assert.equal((await thread.examine(modulus, "test")).sharesPrime, false);
    assert.deepEqual(await thread.findSharing([{ id: 7 as KeyId, spki }], []), []);
  });

  test("gets a key's bytes alone, whatever buffer they are a part of", async () => {
    const page = Buffer.concat([Buffer.alloc(1_000_000), spki, Buffer.alloc(1_000_000)]);
    await thread.learn([{ id: 1 as KeyId, spki: page.subarray(1_000_000, 1_000_000 + spki.length) }]);
    assert.equal((await thread.examine(modulus, "test")).sharesPrime, true);
  });

  test("admits no key that it can't examine, says why, and works again once it can", async () => {
    await thread.close();
    thread = createKeyExaminerThread([blocklist], (problem) => problems.push(problem));
    await thread.learn([{ id: 1 as KeyId, spki }]);
    const refusal = await refusalOf(thread.examine(modulus, "test"));
    assert.deepEqual([refusal.code, refusal.detail.retryAfterSeconds], ["unavailable", 1]);
    assert.equal(refusal.message, "The key can't be examined right now, and no key is added without that.");
    assert.match(String(problems), /blocklist can't be used: it can't be read \(ENOENT\)/);
    assert.equal(thread.learntThrough(), 0, "the next thread has learnt nothing");
    const record = createHash("sha256").update(modulus).digest().subarray(0, 16);
    writeFileSync(blocklist, record);
    assert.equal((await thread.examine(modulus, "test")).weakness, "published");
    const other = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ format: "pem", type: "spki" });
    assert.equal((await thread.examine(parsePublicKey(other).modulus, "test")).weakness, undefined);
  });

  test("lets 64 keys wait, and refuses more as unavailable", async () => {
    const examinations = await Promise.allSettled(Array.from({ length: 70 }, () => thread.examine(TINY, "test")));
    const refused = examinations.flatMap((each) => (each.status === "rejected" ? [each.reason as unknown] : []));
    assert.equal(refused.length, 70 - 65);
    for (const reason of refused) assert.equal((await refusalOf(Promise.reject(reason as Error))).code, "unavailable");
    assert.deepEqual(problems, [], "a full queue is no failure of the thread");
  });

  test("refuses what it hasn't finished when it is closed, and starts again for the next key", async () => {
    const pending = refusalOf(thread.examine(modulus, "test"));
    await thread.close();
    assert.equal((await pending).code, "unavailable");
    assert.equal((await thread.examine(TINY, "test")).weakness, "small_factor");
  });
});
