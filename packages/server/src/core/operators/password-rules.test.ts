import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Refusal } from "../refusal.ts";
import { checkNewPassword, normalisePassword } from "./password-rules.ts";

const EMAIL = "alice.sample@example.com";

async function isTaken(password: string, email = EMAIL): Promise<boolean> {
  try {
    await checkNewPassword("password", password, email);
    return true;
  } catch (error) {
    assert.ok(error instanceof Refusal);
    assert.equal(error.code, "field_invalid");
    assert.equal(error.detail.fields?.[0]?.field, "/password");
    // Two characters may occur in the message's own words.
    if (password.length > 4) assert.ok(!error.message.includes(password));
    return false;
  }
}

describe("a new password", () => {
  test("has 15 to 256 characters, counted in code points", async () => {
    const random = Array.from({ length: 257 }, (_, at) =>
      String.fromCharCode(33 + ((at * at * 7 + at * 13) % 90)),
    ).join("");
    assert.equal(await isTaken(random.slice(0, 14)), false);
    assert.equal(await isTaken(random.slice(0, 15)), true);
    assert.equal(await isTaken(random.slice(0, 256)), true);
    assert.equal(await isTaken(random), false);
    assert.equal(await isTaken("🦊🐢🐙🦋🐞🐝🦉🐬🐳🦀🐘🐫🦒🦘"), false, "14 characters, 28 units");
    assert.equal(await isTaken("🦊🐢🐙🦋🐞🐝🦉🐬🐳🦀🐘🐫🦒🦘🦥"), true);
  });

  for (const password of [
    "correct horse battery staple",
    "    spaces   are  characters   too   ",
    "vier zufällige Wörter hier drin",
    "четыре случайных слова",
    "8f!K2mZp0Qw7Lx5",
    "482910573628164",
    "my password is long and odd",
    "alice likes seven odd samples",
  ]) {
    test(`may be ${JSON.stringify(password)}`, async () => {
      assert.equal(await isTaken(password), true);
    });
  }

  for (const password of [
    "alice.sample@example.com",
    "ALICE.SAMPLE@EXAMPLE.COM",
    "alice.sample@example.com1",
    "alicesample2026",
    "alicesampleexamplecom",
    "alice sample example com",
    "sample.alice@example.com",
    "aaaaaaaaaaaaaaaaaaaa",
    "abababababababab",
    "abc123abc123abc123",
    "xK9!pxK9!pxK9!pxK9!p",
    "passwordpassword",
    "password1234567",
    "Password123456!",
    "ＰＡＳＳＷＯＲＤ123456!",
    "123456789012345",
    "987654321098765",
    "qwertyuiopasdfgh",
    "1q2w3e4r5t6y7u8i",
    "abcdefghijklmnop",
    "administrator12",
    "Countersign2026",
    "countersign-admin",
    "letmeinletmein1",
    "welcome-to-countersign",
    "c0unt3rs1gn2026",
    "4l1c3s4mpl32026",
    "l3tm31nl3tm31nl3tm31n",
    "Summer2026Summer2026!",
    "20261127-20261127",
    "qwertzuiopasdfg",
    // From lists of leaked passwords.
    "1qaz2wsx3edc4rfv",
    "manchesterunited1",
    "liverpoolfootball",
  ]) {
    test(`can't be ${JSON.stringify(password)}, which is easily guessed`, async () => {
      assert.equal(await isTaken(password), false);
    });
  }

  test("is judged by its first 64 characters, however long it is", async () => {
    const odd = "8f!K2mZp0Qw7Lx5";
    assert.equal(await isTaken("a".repeat(64) + odd), false);
    assert.equal(await isTaken(odd + "a".repeat(241)), true);
    for (const piece of ["p@ssw0rd", "4@8({[3€69!1|0$5+7%2", "qwerty1234abc"]) {
      assert.equal(typeof (await isTaken(piece.repeat(32).slice(0, 256))), "boolean");
    }
  });

  test("is normalised, so that every keyboard gives the same one, and can't hold half of a surrogate pair", async () => {
    assert.equal(normalisePassword("Å ﬁ"), normalisePassword("A\u030A fi"));
    assert.equal(normalisePassword("\uD800"), undefined);
    assert.equal(await isTaken("x7!kQ9z odd and long \uD800"), false);
  });

  test("is accepted or refused whatever the text, never a defect", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary", maxLength: 300 }), fc.emailAddress(), async (text, email) => {
        await isTaken(text, email);
      }),
    );
  });
});
