import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { publicKeyText } from "../../testing/public-key-text.ts";
import { Refusal } from "../refusal.ts";
import { parseImportRow } from "./import-row.ts";

const OPTIONS = { unnamedProxy: undefined, keyProof: "optional" } as const;
const KEY = publicKeyText(2n ** 2047n + 1n);

/** The expiry that a row gives its key, in milliseconds since the epoch. */
const expiryOf = (expiresAt: string) =>
  parseImportRow({ account: "acme", name: "a", public_key: KEY, expires_at: expiresAt }, OPTIONS).key?.expiresAtMs;

describe("the expiry of a row's key", () => {
  test("is a time in RFC 3339, also with a blank before the time of day", () => {
    for (const text of ["2027-12-31T23:59:59Z", "2027-12-31 23:59:59z", "2028-01-01t00:59:59.000+01:00"]) {
      assert.equal(expiryOf(text), Date.UTC(2027, 11, 31, 23, 59, 59), text);
    }
  });

  test("on a day that doesn't exist is refused, and doesn't become another day", () => {
    for (const text of [
      "2027-02-31T00:00:00Z",
      "2027-02-29T00:00:00Z",
      "2027-04-31T00:00:00Z",
      "2027-12-31T24:00:00Z",
    ]) {
      assert.throws(
        () => expiryOf(text),
        (error) => error instanceof Refusal && error.code === "field_invalid",
        text,
      );
    }
  });
});
