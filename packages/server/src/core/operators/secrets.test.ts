import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createSystemRandom } from "../../platform/random.ts";
import {
  ADMIN_TOKENS,
  hashRecoveryCode,
  LINK_SECRETS,
  makeRecoveryCodes,
  parseRecoveryCode,
  SESSION_SECRETS,
} from "./secrets.ts";

const random = createSystemRandom();

test("a secret of one kind isn't accepted as another", () => {
  const kinds = [SESSION_SECRETS, LINK_SECRETS, ADMIN_TOKENS];
  for (const [at, kind] of kinds.entries()) {
    const secret = kind.make(random);
    assert.deepEqual(
      kinds.map((other) => other.hasForm(secret)),
      kinds.map((_, other) => other === at),
    );
  }
  assert.match(LINK_SECRETS.make(random), /^csiv_[0-9A-Za-z]{49}$/);
  assert.match(ADMIN_TOKENS.make(random), /^csat_[0-9A-Za-z]{49}$/);
});

describe("recovery codes", () => {
  test("are ten of 80 bits each, in groups of unambiguous characters, and always different", () => {
    const codes = Array.from({ length: 50 }, () => makeRecoveryCodes(random)).flat();
    assert.equal(codes.length, 500);
    assert.equal(new Set(codes).size, 500);
    for (const code of codes) assert.match(code, /^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}$/);
  });

  test("hold all of the random bits", () => {
    const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 10, maxLength: 10 }), (bytes) => {
        const [code = ""] = makeRecoveryCodes({ uint32: () => 0, bytes: () => Buffer.from(bytes) });
        let value = 0n;
        for (const character of code.replaceAll("-", "")) value = value * 32n + BigInt(ALPHABET.indexOf(character));
        assert.equal(value, BigInt(`0x${Buffer.from(bytes).toString("hex")}`));
      }),
    );
  });

  test("are accepted however they are typed: case, blanks, dashes, O for 0, I and L for 1", () => {
    const [code = ""] = makeRecoveryCodes(random);
    for (const typed of [
      code.toLowerCase(),
      code.replaceAll("-", ""),
      code.replaceAll("-", " "),
      ` ${code}\n`,
      Array.from(code).join(" "),
      code.replaceAll("0", "o").replaceAll("1", "l"),
      code.replaceAll("0", "O").replaceAll("1", "I"),
    ]) {
      assert.equal(parseRecoveryCode(typed), code, typed);
    }
  });

  test("can't be any other text: it normalises to what no code is, and is never a defect", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), (text) => {
        const parsed = parseRecoveryCode(text);
        assert.ok(parsed === "" || /^([0-9A-Z]{4}-){3}[0-9A-Z]{4}$/.test(parsed));
      }),
    );
    for (const text of ["", "UUUU-UUUU-UUUU-UUUU", "0000-0000-0000-000", "0000-0000-0000-00000"]) {
      assert.equal(parseRecoveryCode(text), "", text);
    }
    assert.notEqual(hashRecoveryCode(""), hashRecoveryCode("0000-0000-0000-0000"));
  });
});
