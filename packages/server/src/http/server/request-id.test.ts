import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createSystemRandom } from "../../platform/random.ts";
import { createRequestIds } from "./request-id.ts";

describe("request ids", () => {
  test("no two request ids are equal, or share a prefix", () => {
    const nextRequestId = createRequestIds(createSystemRandom());
    const ids = Array.from({ length: 2000 }, nextRequestId);
    for (const id of ids) assert.match(id, /^[0-9a-f]{24}$/);
    assert.equal(new Set(ids).size, ids.length);
    // A counter, or a prefix of the process, would show here: of 2,000 random ids no two share 64 bits.
    assert.equal(new Set(ids.map((id) => id.slice(0, 16))).size, ids.length);
    assert.equal(new Set(ids.map((id) => id.slice(-16))).size, ids.length);
  });
});
