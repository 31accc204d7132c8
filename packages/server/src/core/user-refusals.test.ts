import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import type { UserRefusalHour } from "./keys/usage-store.ts";
import { Refusal } from "./refusal.ts";
import { createUserRefusals, recordingRefusals, type UserRefusals } from "./user-refusals.ts";
import type { ApiUser, ApiUserId } from "./users/model.ts";

const HOUR_MS = 3_600_000;

describe("refusals of an API user", () => {
  let nowMs: number;
  let isBroken: boolean;
  let written: UserRefusalHour[];
  let asked: (readonly string[])[];
  let refusals: UserRefusals;

  /** Users `api-1-<number>` exist. */
  const idOf = (username: string) => Number(/^api-1-([0-9]+)$/.exec(username)?.[1] ?? 0);

  beforeEach(() => {
    nowMs = 10 * HOUR_MS + 5;
    isBroken = false;
    written = [];
    asked = [];
    refusals = createUserRefusals(
      {
        users: {
          findAll: (usernames) => {
            asked.push(usernames);
            const found = usernames.filter((username) => idOf(username) > 0);
            return Promise.resolve(found.map((username) => ({ id: idOf(username), username }) as unknown as ApiUser));
          },
        },
        usage: {
          recordUserRefusals: (rows) => {
            if (isBroken) return Promise.reject(new Error("the store is away"));
            written.push(...rows);
            return Promise.resolve();
          },
        },
      },
      { wallMs: () => nowMs },
    );
  });

  test("are counted by code and hour, for users that exist only", async () => {
    refusals.record("api-1-1", "assertion_stale");
    refusals.record("api-1-1", "assertion_stale");
    refusals.record("api-1-1", "key_expired");
    refusals.record("api-1-nobody", "assertion_stale");
    await refusals.flush();
    const row = { userId: 1 as ApiUserId, hourSeconds: 36_000 };
    assert.deepEqual(written, [
      { ...row, code: "assertion_stale", refusals: 2 },
      { ...row, code: "key_expired", refusals: 1 },
    ]);
    await refusals.flush();
    assert.equal(written.length, 2, "what was written isn't written again");
  });

  test("are kept if they can't be written, and added to later ones", async () => {
    refusals.record("api-1-1", "assertion_stale");
    isBroken = true;
    await assert.rejects(refusals.flush());
    isBroken = false;
    refusals.record("api-1-1", "assertion_stale");
    await refusals.flush();
    assert.deepEqual(
      written.map(({ refusals: count }) => count),
      [2],
    );
  });

  test("of any number of names need one bounded look-up, and no name too long for a username is kept", async () => {
    for (let number = 1; number <= 1000; number++) refusals.record(`api-1-${number}`, "assertion_stale");
    await refusals.flush();
    assert.deepEqual(
      asked.map(({ length }) => length),
      [200],
    );
    assert.equal(written.length, 200);
    refusals.record("w".repeat(81), "assertion_stale");
    await refusals.flush();
    assert.equal(asked.length, 1, "nothing was there to be looked up");
  });

  test("begin a bounded number of rows in an hour; rows that were begun still count", async () => {
    for (let number = 1; number <= 2100; number++) {
      refusals.record(`api-1-${number}`, "assertion_stale");
      if (number % 100 === 0) await refusals.flush();
    }
    assert.equal(written.length, 2000);
    refusals.record("api-1-1", "assertion_stale");
    refusals.record("api-1-2100", "assertion_stale");
    await refusals.flush();
    assert.deepEqual(
      written.slice(2000).map(({ userId }) => userId),
      [1],
    );
    nowMs += HOUR_MS;
    refusals.record("api-1-2100", "assertion_stale");
    await refusals.flush();
    assert.deepEqual(
      written.slice(2001).map(({ userId, hourSeconds }) => [userId, hourSeconds]),
      [[2100, 39_600]],
    );
  });

  test("aren't the outages of this service, nor its defects", async () => {
    const record = recordingRefusals(refusals);
    record("api-1-1", new Refusal("unavailable", "The store is away."));
    record("api-1-1", new Error("a defect"));
    record("api-1-1", new Refusal("assertion_rejected", "No key made this signature."));
    await refusals.flush();
    assert.deepEqual(
      written.map(({ code }) => code),
      ["assertion_rejected"],
    );
  });
});
