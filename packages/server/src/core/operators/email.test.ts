import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Refusal } from "../refusal.ts";
import { parseEmail, requireEmail } from "./email.ts";

describe("an e-mail address", () => {
  test("is normalised: its case and the blanks around it don't matter", () => {
    assert.equal(parseEmail(" Alice.O'Neil+x@Example.COM\n"), "alice.o'neil+x@example.com");
    assert.equal(parseEmail("root@localhost"), "root@localhost");
  });

  test("has at most 254 characters, and 64 before the @", () => {
    const domain = `${"d".repeat(63)}.${"e".repeat(63)}.${"f".repeat(61)}`;
    const local = "l".repeat(254 - domain.length - 1);
    assert.equal(parseEmail(`${local}@${domain}`)?.length, 254);
    assert.equal(parseEmail(`${local}@${domain}f`), undefined);
    assert.ok(parseEmail(`${"l".repeat(64)}@example.com`));
    assert.equal(parseEmail(`${"l".repeat(65)}@example.com`), undefined);
  });

  for (const text of [
    "",
    "alice",
    "@example.com",
    "alice@",
    "alice@@example.com",
    "alice@exa@mple.com",
    "alice bob@example.com",
    "alice@exa mple.com",
    "alice\0@example.com",
    "alice\r\nBcc: x@example.com",
    "alice@example..com",
    "alice@-example.com",
    "alice@example.com.",
    '"alice"@example.com',
    "Alice <alice@example.com>",
    // Look-alikes, also by lower case: the Kelvin sign, a long s, a Cyrillic a.
    "\u212Aarl@example.com",
    "\u017Fam@example.com",
    "\u0430lice@example.com",
  ]) {
    test(`is none: ${JSON.stringify(text)}`, () => {
      assert.equal(parseEmail(text), undefined);
      assert.throws(
        () => requireEmail(text),
        (error) =>
          error instanceof Refusal && error.code === "field_invalid" && error.detail.fields?.[0]?.field === "/email",
      );
    });
  }

  test("is lower-case ASCII whatever the input, and normalising it again changes nothing", () => {
    fc.assert(
      fc.property(fc.oneof(fc.emailAddress(), fc.string({ unit: "binary" })), (text) => {
        const email = parseEmail(text);
        if (email === undefined) return;
        assert.match(email, /^[!-~]+$/);
        assert.equal(email, email.toLowerCase());
        assert.equal(parseEmail(email), email);
      }),
    );
  });
});
