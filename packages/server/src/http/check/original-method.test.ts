import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { describe, test } from "node:test";
import { createOriginalMethods } from "./original-method.ts";

/** As much of a request as is read. */
function requestFrom(remoteAddress: string | undefined, headers: Readonly<Record<string, string>>): IncomingMessage {
  return { socket: { remoteAddress }, headers } as unknown as IncomingMessage;
}

const FORWARDED = { "x-forwarded-method": "DELETE" };

describe("the original method", () => {
  test("is what a trusted proxy says, in either header, and both where there are two", () => {
    const methods = createOriginalMethods(["10.0.0.0/8"]);
    assert.deepEqual(methods(requestFrom("10.1.2.3", FORWARDED)), ["DELETE"]);
    assert.deepEqual(methods(requestFrom("10.1.2.3", { "x-original-method": "PUT" })), ["PUT"]);
    assert.deepEqual(methods(requestFrom("10.1.2.3", { ...FORWARDED, "x-original-method": "GET" })), ["DELETE", "GET"]);
    assert.deepEqual(methods(requestFrom("10.1.2.3", {})), []);
  });

  test("isn't believed of anybody else, and the first who sends it is told of, once", () => {
    for (const trusted of [[], ["10.0.0.0/8"]]) {
      let told = 0;
      const methods = createOriginalMethods(trusted, () => told++);
      assert.deepEqual(methods(requestFrom("192.0.2.1", {})), []);
      assert.equal(told, 0);
      assert.deepEqual(methods(requestFrom("192.0.2.1", FORWARDED)), []);
      assert.deepEqual(methods(requestFrom(undefined, FORWARDED)), []);
      assert.equal(told, 1);
    }
  });
});
