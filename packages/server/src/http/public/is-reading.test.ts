import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createIsReading } from "./is-reading.ts";

const GATEWAY = "10.1.2.3";
const STRANGER = "192.0.2.1";

/** As much of a request as is read. */
function requestFrom(
  remoteAddress: string | undefined,
  method: string,
  headers: Readonly<Record<string, string>> = {},
): IncomingMessage {
  return { method, socket: { remoteAddress }, headers } as unknown as IncomingMessage;
}

const isReading = createIsReading(["10.0.0.0/8"]);
const READING = ["GET", "HEAD", "OPTIONS"];
const NOT_READING = ["POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY", "LIST", "get", "GET, GET", "GET ", "", "x"];
const NAMING = ["x-forwarded-method", "x-original-method"];
const OVERRIDES = ["x-http-method-override", "x-http-method", "x-method-override"];

describe("a read-only user's request", () => {
  test("is decided by what a trusted proxy says of the method, whatever the proxy asks with", () => {
    for (const name of NAMING) {
      for (const method of ["GET", "POST", "FOO"]) {
        for (const named of READING) assert.ok(isReading(requestFrom(GATEWAY, method, { [name]: named })));
        for (const named of NOT_READING) assert.ok(!isReading(requestFrom(GATEWAY, method, { [name]: named })), named);
      }
    }
  });

  test("is refused where one of a trusted proxy's two headers says that it writes", () => {
    const both = (forwarded: string, original: string) =>
      isReading(requestFrom(GATEWAY, "GET", { "x-forwarded-method": forwarded, "x-original-method": original }));
    assert.ok(both("GET", "HEAD"));
    assert.ok(!both("GET", "DELETE"));
    assert.ok(!both("DELETE", "GET"));
  });

  test("is decided by its own method where no trusted proxy says anything", () => {
    for (const from of [GATEWAY, STRANGER, undefined]) {
      for (const method of READING) assert.ok(isReading(requestFrom(from, method)));
      for (const method of NOT_READING) assert.ok(!isReading(requestFrom(from, method)), method);
    }
  });

  test("is refused where anybody claims that it writes; nobody's claim but a trusted proxy's allows a write", () => {
    for (const trusted of [[], ["10.0.0.0/8"]]) {
      const isReadingHere = createIsReading(trusted);
      for (const name of [...NAMING, ...OVERRIDES]) {
        for (const from of [STRANGER, undefined]) {
          for (const claim of NOT_READING) assert.ok(!isReadingHere(requestFrom(from, "GET", { [name]: claim })));
          assert.ok(isReadingHere(requestFrom(from, "GET", { [name]: "HEAD" })));
          assert.ok(!isReadingHere(requestFrom(from, "DELETE", { [name]: "GET" })));
        }
      }
    }
  });

  test("is refused for a method override that writes, through a trusted proxy too", () => {
    for (const name of OVERRIDES) {
      const through = (override: string, named = "GET") =>
        isReading(requestFrom(GATEWAY, "GET", { "x-forwarded-method": named, [name]: override }));
      assert.ok(through("GET"));
      assert.ok(!through("DELETE"));
      assert.ok(!through("GET", "DELETE"));
      // By itself it is no proxy's word.
      assert.ok(!isReading(requestFrom(GATEWAY, "POST", { [name]: "GET" })));
    }
  });

  test("never gains by an untrusted peer's claim", () => {
    const methods = fc.constantFrom(...READING, ...NOT_READING);
    const headers = fc.dictionary(fc.constantFrom(...NAMING, ...OVERRIDES), methods);
    fc.assert(
      fc.property(methods, headers, (method, claims) => {
        if (isReading(requestFrom(STRANGER, method, claims))) assert.ok(isReading(requestFrom(STRANGER, method)));
      }),
    );
  });

  test("reports an untrusted address that names a method, once", () => {
    for (const trusted of [[], ["10.0.0.0/8"]]) {
      let reports = 0;
      const isReadingHere = createIsReading(trusted, () => reports++);
      isReadingHere(requestFrom(STRANGER, "GET"));
      isReadingHere(requestFrom(STRANGER, "GET", { "x-http-method-override": "GET" }));
      assert.equal(reports, 0);
      isReadingHere(requestFrom(STRANGER, "GET", { "x-forwarded-method": "GET" }));
      isReadingHere(requestFrom(undefined, "GET", { "x-original-method": "GET" }));
      assert.equal(reports, 1);
    }
  });
});
