import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createIsReading } from "./is-reading.ts";
import { createTrustedProxies } from "../server/trusted-proxies.ts";

const GATEWAY = "10.1.2.3";
const STRANGER = "192.0.2.1";

/** The parts of a request that are read. */
function requestFrom(
  remoteAddress: string | undefined,
  method: string,
  headers: Readonly<Record<string, string>> = {},
): IncomingMessage {
  return { method, socket: { remoteAddress }, headers } as unknown as IncomingMessage;
}

const isReading = createIsReading(createTrustedProxies(["10.0.0.0/8"]));
const READING = ["GET", "HEAD", "OPTIONS"];
const NOT_READING = ["POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY", "LIST", "get", "GET, GET", "GET ", "", "x"];
const NAMING = ["x-forwarded-method", "x-original-method"];
const OVERRIDES = ["x-http-method-override", "x-http-method", "x-method-override"];

describe("a read-only user's request", () => {
  test("is judged by the method that a trusted proxy reports, whatever method the proxy uses itself", () => {
    for (const name of NAMING) {
      for (const method of ["GET", "POST", "FOO"]) {
        for (const named of READING) assert.ok(isReading(requestFrom(GATEWAY, method, { [name]: named })));
        for (const named of NOT_READING) assert.ok(!isReading(requestFrom(GATEWAY, method, { [name]: named })), named);
      }
    }
  });

  test("counts as a write where one of a trusted proxy's two headers says so", () => {
    const both = (forwarded: string, original: string) =>
      isReading(requestFrom(GATEWAY, "GET", { "x-forwarded-method": forwarded, "x-original-method": original }));
    assert.ok(both("GET", "HEAD"));
    assert.ok(!both("GET", "DELETE"));
    assert.ok(!both("DELETE", "GET"));
  });

  test("is judged by its own method where no trusted proxy reports one", () => {
    for (const from of [GATEWAY, STRANGER, undefined]) {
      for (const method of READING) assert.ok(isReading(requestFrom(from, method)));
      for (const method of NOT_READING) assert.ok(!isReading(requestFrom(from, method)), method);
    }
  });

  test("counts as a write if any peer reports a write; only a trusted proxy can report a read for another method", () => {
    for (const trusted of [[], ["10.0.0.0/8"]]) {
      const isReadingHere = createIsReading(createTrustedProxies(trusted));
      for (const name of [...NAMING, ...OVERRIDES]) {
        for (const from of [STRANGER, undefined]) {
          for (const claim of NOT_READING) assert.ok(!isReadingHere(requestFrom(from, "GET", { [name]: claim })));
          assert.ok(isReadingHere(requestFrom(from, "GET", { [name]: "HEAD" })));
          assert.ok(!isReadingHere(requestFrom(from, "DELETE", { [name]: "GET" })));
        }
      }
    }
  });

  test("counts as a write for a method override that writes, through a trusted proxy too", () => {
    for (const name of OVERRIDES) {
      const through = (override: string, named = "GET") =>
        isReading(requestFrom(GATEWAY, "GET", { "x-forwarded-method": named, [name]: override }));
      assert.ok(through("GET"));
      assert.ok(!through("DELETE"));
      assert.ok(!through("GET", "DELETE"));
      // Alone, it doesn't replace a proxy's report.
      assert.ok(!isReading(requestFrom(GATEWAY, "POST", { [name]: "GET" })));
    }
  });

  test("never gains permissions by an untrusted peer's claim", () => {
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
      const isReadingHere = createIsReading(createTrustedProxies(trusted), () => reports++);
      isReadingHere(requestFrom(STRANGER, "GET"));
      isReadingHere(requestFrom(STRANGER, "GET", { "x-http-method-override": "GET" }));
      assert.equal(reports, 0);
      isReadingHere(requestFrom(STRANGER, "GET", { "x-forwarded-method": "GET" }));
      isReadingHere(requestFrom(undefined, "GET", { "x-original-method": "GET" }));
      assert.equal(reports, 1);
    }
  });
});
