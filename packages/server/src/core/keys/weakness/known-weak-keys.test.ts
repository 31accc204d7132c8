import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { keyTextOfBytes, type Weakness } from "@countersign/protocol";
import {
  listSharedVectors,
  readSharedVectors,
  VECTORS_SKIPPED,
} from "../../../../../../test/testkit/shared-vectors.ts";
import { createIsPublished } from "../../../platform/key-blocklist.ts";
import { readPublicKeyVectors } from "../../../testing/vectors.ts";
import { Refusal } from "../../refusal.ts";
import { parsePublicKey } from "../admission.ts";
import { createKeyExaminer } from "./key-examiner.ts";

const examiner = createKeyExaminer(createIsPublished([]));

/** The weakness that a key is refused for; another refusal's code; `undefined` if it is admitted. */
async function weaknessOf(text: string): Promise<string | undefined> {
  try {
    return (await examiner.examine(parsePublicKey(text).modulus, "test")).weakness;
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error));
    return error.detail.weakness ?? error.code;
  }
}

/** badkeys' RSA keys: each has one weakness, which its name tells. */
const BADKEYS: Readonly<Record<string, Weakness | "key_rejected" | "private_key_exposed" | "admitted">> = {
  "jwk-rsa-ok.json": "admitted",
  "jwk-rsa-rfc7517.json": "published",
  "rsa-debianweak.key": "published",
  // It has 512 bits; its exponent is wrong, too.
  "rsa-e-larger-n.key": "size",
  "rsa-e1.key": "exponent",
  // Not a form of keys that is read.
  "rsa-fermat-hexmodulus.txt": "key_rejected",
  // The primes are equal.
  "rsa-fermat-pkcs1.key": "perfect_power",
  "rsa-fermat-pkcs8.key": "close_primes",
  "rsa-fermat.crt": "close_primes",
  // A certificate request isn't a form of keys that is read.
  "rsa-fermat.csr": "key_rejected",
  // A private key.
  "rsa-large-e.key": "private_key_exposed",
  "rsa-nprime.key": "prime",
  "rsa-ok.key": "admitted",
  "rsa-pattern.key": "pattern",
  "rsa-roca.key": "roca",
  // It shares a prime with a key that isn't registered here.
  "rsa-sharedprimes.key": "published",
  // The exponent is over 2^32 where the private one is small.
  "rsa-small-d.key": "exponent",
  "rsa-smallfactors-corrupt.key": "small_factor",
  "rsa-smallfactors-valid.key": "small_factor",
  "rsa-vanity.key": "pattern",
  // No key at all: the modulus is 0.
  "rsanzero.key": "key_rejected",
  "rsapoly128.key": "pattern",
  // It has 2047 bits; it follows a pattern, too.
  "rsapoly32.key": "size",
  "rsazerozero.key": "key_rejected",
};

describe("badkeys' test keys", { skip: VECTORS_SKIPPED }, () => {
  test("are all examined here", () => {
    assert.deepEqual(
      listSharedVectors("badkeys").filter((name) => name !== "LICENSE"),
      Object.keys(BADKEYS).sort(),
    );
  });

  for (const [name, weakness] of Object.entries(BADKEYS)) {
    test(`${name}: ${weakness}`, async () => {
      const text = keyTextOfBytes(readSharedVectors("badkeys", name));
      assert.equal((await weaknessOf(text)) ?? "admitted", weakness);
    });
  }
});

describe("keys that RFCs print", { skip: VECTORS_SKIPPED }, () => {
  for (const name of listSharedVectors("examplekeys")) {
    test(`${name} is refused`, async () => {
      const bits = Number(/^rsa(\d+)-/.exec(name)?.[1]);
      const text = keyTextOfBytes(readSharedVectors("examplekeys", name));
      assert.equal(await weaknessOf(text), bits < 2048 ? "size" : "published");
    });
  }
});

test("the key that RFC 7638 prints is refused, in any spelling", async () => {
  const { jwk } = readPublicKeyVectors().rfc7638Example;
  assert.equal(await weaknessOf(JSON.stringify(jwk)), "published");
  assert.equal(await weaknessOf(JSON.stringify({ ...jwk, e: "AQAD" })), "published");
});
