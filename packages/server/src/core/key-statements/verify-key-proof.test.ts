import assert from "node:assert/strict";
import { createHash, createHmac, sign } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import { KEY_CHALLENGE_SECONDS } from "@countersign/protocol";
import { createSystemRandom } from "../../platform/random.ts";
import { refusalOf } from "../../testing/refusal-of.ts";
import { createTestClock, EXAMPLE_NOW_MICROSECONDS, type TestClock } from "../../testing/test-clock.ts";
import { rsaKeyPair } from "../../../../../test/testkit/rsa-keys.ts";
import { encodePart, encodeParts, signParts } from "../../../../../test/testkit/sign-assertion.ts";
import { parsePublicKey } from "../keys/admission.ts";
import { Refusal } from "../refusal.ts";
import { createKeyProofs, type KeyProofPolicy } from "./key-proofs.ts";
import { signKeyProof } from "./sign-key-proof.ts";

const random = createSystemRandom();
const [newest, older, stranger] = [1, 2, 3].map((byte) => Buffer.alloc(32, byte)) as [Buffer, Buffer, Buffer];
const { privateKey, publicPem } = rsaKeyPair("alice");
const bob = rsaKeyPair("bob");
const USERNAME = "api-1-demo";
const HEADER = { alg: "RS256", typ: "key-proof+jwt" };
const PUBLIC_URL = "https://auth.example";

interface Options {
  readonly clock?: TestClock;
  readonly policy?: KeyProofPolicy;
  readonly masterSecrets?: [Buffer, ...Buffer[]];
  readonly publicUrl?: string;
}

/** A service, and a nonce that it has just handed out. */
function openProofs(options: Options = {}) {
  const { clock = createTestClock(), policy = "optional", masterSecrets = [newest], publicUrl = PUBLIC_URL } = options;
  const proofs = createKeyProofs({ policy, masterSecrets, publicUrls: [publicUrl], clock, random });
  const challenge = proofs.makeChallenge();
  const claims = { aud: PUBLIC_URL, sub: USERNAME, nonce: challenge.nonce, iat: nowSeconds(clock) };
  const verify = (text: string, username = USERNAME, pem = publicPem) =>
    proofs.verify({ text, username, key: parsePublicKey(pem) });
  return { proofs, clock, challenge, claims, verify };
}

function nowSeconds(clock: TestClock): number {
  return clock.nowMicroseconds() / 1e6;
}

async function refuses(promise: Promise<unknown>, message: string | RegExp): Promise<void> {
  const refusal = await refusalOf(promise);
  assert.equal(refusal.code, "key_proof_invalid", refusal.message);
  if (typeof message === "string") assert.equal(refusal.message, message);
  else assert.match(refusal.message, message);
  assert.deepEqual(refusal.detail.fields, [{ field: "/proof", message: refusal.message }]);
}

describe("a proof of possession", () => {
  for (const alg of ["RS256", "RS384", "RS512"]) {
    test(`is accepted if the new key signed it with ${alg}`, async () => {
      const { claims, verify, challenge } = openProofs();
      const { challenge: open } = await verify(signParts({ ...HEADER, alg }, claims, privateKey));
      const hash = createHash("sha256").update(Buffer.from(challenge.nonce, "base64url")).digest("hex");
      assert.deepEqual(open, { hash, expiresAtMs: challenge.expiresAtMs });
    });
  }

  test("is accepted as signingInput and signKeyProof make it", async () => {
    const { proofs, challenge, verify } = openProofs({ publicUrl: `${PUBLIC_URL}/` });
    await verify(signKeyProof(proofs.signingInput(challenge, USERNAME), privateKey));
  });

  test("may name the public URL with and without its trailing slash, whichever way it is configured", async () => {
    for (const publicUrl of [PUBLIC_URL, `${PUBLIC_URL}/`]) {
      for (const aud of [PUBLIC_URL, `${PUBLIC_URL}/`]) {
        const { claims, verify } = openProofs({ publicUrl });
        await verify(signParts(HEADER, { ...claims, aud }, privateKey));
      }
    }
  });

  test("may have other claims and header parameters, which are ignored", async () => {
    const { claims, verify } = openProofs();
    const header = { ...HEADER, kid: "7", jwk: bob.publicKey.export({ format: "jwk" }), jku: "https://evil.example" };
    await verify(signParts(header, { ...claims, username: "api-1-other", jti: "x" }, privateKey));
  });

  const BAD_TYPES = [
    undefined,
    "JWT",
    "jwt",
    "KEY-PROOF+JWT",
    "application/key-proof+jwt",
    "key-proof",
    "key-revocation+jwt",
    "",
    1,
    null,
    ["key-proof+jwt"],
  ];
  for (const typ of BAD_TYPES) {
    test(`is refused with the typ ${JSON.stringify(typ)}`, async () => {
      const { claims, verify } = openProofs();
      await refuses(
        verify(signParts({ alg: "RS256", typ }, claims, privateKey)),
        /^The proof's typ is .*; "key-proof\+jwt" is needed\.$/,
      );
    });
  }

  for (const alg of ["none", "None", "rs256", "PS256", "ES256", "HS256", "RS1", "", undefined, null, ["RS256"]]) {
    test(`is refused with the alg ${JSON.stringify(alg)}`, async () => {
      const { claims, verify } = openProofs();
      await refuses(
        verify(signParts({ ...HEADER, alg }, claims, privateKey)),
        /^The proof's alg is .*; RS256, RS384 or RS512 is needed\.$/,
      );
    });
  }

  test("is refused with crit, whatever it lists", async () => {
    const { claims, verify } = openProofs();
    for (const crit of [[], ["exp"], ["b64"], null]) {
      await refuses(
        verify(signParts({ ...HEADER, crit }, claims, privateKey)),
        "The proof's header has crit, and this service knows no critical extension.",
      );
    }
  });

  for (const aud of [
    "https://other.example",
    "http://auth.example",
    "https://auth.example//",
    "https://auth.example/api/auth/v0/keys/",
    "https://AUTH.example",
    "",
  ]) {
    test(`is refused with the aud ${JSON.stringify(aud)}`, async () => {
      const { claims, verify } = openProofs();
      await refuses(
        verify(signParts(HEADER, { ...claims, aud }, privateKey)),
        "The proof's aud doesn't name this service.",
      );
    });
  }

  test("is refused if a claim is missing or has the wrong type", async () => {
    const { claims, verify } = openProofs();
    const cases: readonly (readonly [claim: string, value: unknown, message: string])[] = [
      ["aud", undefined, "The proof's aud is missing; a string is needed."],
      ["aud", [PUBLIC_URL], "The proof's aud is an array; a string is needed."],
      ["aud", null, "The proof's aud is null; a string is needed."],
      ["sub", undefined, "The proof's sub is missing; a string is needed."],
      ["sub", [USERNAME], "The proof's sub is an array; a string is needed."],
      ["sub", "", "The proof's sub names another API user than the one that gets the key."],
      ["nonce", undefined, "The proof's nonce is missing; a string is needed."],
      ["nonce", 7, "The proof's nonce is a number; a string is needed."],
      ["nonce", [claims.nonce], "The proof's nonce is an array; a string is needed."],
      ["iat", undefined, "The proof has no iat."],
      ["iat", String(claims.iat), "The proof's iat is a string; a number is needed."],
      ["iat", null, "The proof's iat is null; a number is needed."],
      ["exp", "never", "The proof's exp is a string; a number is needed."],
      ["nbf", true, "The proof's nbf is a boolean; a number is needed."],
    ];
    for (const [claim, value, message] of cases) {
      await refuses(verify(signParts(HEADER, { ...claims, [claim]: value }, privateKey)), message);
    }
    const infinite = JSON.stringify(claims).replace(/"iat":[0-9.]+/, '"iat":1e999');
    await refuses(
      verify(signParts(HEADER, infinite, privateKey)),
      "The proof's iat is too large a number; a number is needed.",
    );
  });

  test("is refused for another API user than its sub", async () => {
    const { claims, verify } = openProofs();
    const message = "The proof's sub names another API user than the one that gets the key.";
    await refuses(verify(signParts(HEADER, claims, privateKey), "api-1-other"), message);
    for (const sub of ["API-1-DEMO", "api-1-demo ", "api-1-dem", "api-1-demoo"]) {
      await refuses(verify(signParts(HEADER, { ...claims, sub }, privateKey)), message);
    }
  });

  test("is refused if another key signed it, or its signature was altered", async () => {
    const { claims, verify } = openProofs();
    const message = "The proof isn't signed by the new key.";
    await refuses(verify(signParts(HEADER, claims, bob.privateKey)), message);
    const proof = signParts(HEADER, claims, privateKey);
    const [header = "", body = "", signature = ""] = proof.split(".");
    const bytes = Buffer.from(signature, "base64url");
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await refuses(verify(`${header}.${body}.${bytes.toString("base64url")}`), message);
    await refuses(verify(`${header}.${body}.`), message);
    await refuses(verify(`${header}.${encodePart({ ...claims, iat: claims.iat + 1 })}.${signature}`), message);
    await refuses(verify(proof, USERNAME, bob.publicPem), message);
  });

  test("is refused if it is signed with the public key as an HMAC secret, or with a digest that alg doesn't name", async () => {
    const { claims, verify } = openProofs();
    const text = encodeParts(HEADER, claims);
    const mac = createHmac("sha256", publicPem).update(text).digest("base64url");
    await refuses(verify(`${text}.${mac}`), "The proof isn't signed by the new key.");
    const other = sign("sha512", Buffer.from(text), privateKey).toString("base64url");
    await refuses(verify(`${text}.${other}`), "The proof isn't signed by the new key.");
  });

  test("is refused if a jwk in its header signed it and the new key didn't", async () => {
    const { claims, verify } = openProofs();
    const header = { ...HEADER, jwk: bob.publicKey.export({ format: "jwk" }) };
    await refuses(verify(signParts(header, claims, bob.privateKey)), "The proof isn't signed by the new key.");
  });

  test("is refused unless it is a compact JWS of two JSON objects in canonical base64url, without duplicate members", async () => {
    const { claims, verify } = openProofs();
    const proof = signParts(HEADER, claims, privateKey);
    const json = JSON.stringify(claims);
    const cases: readonly (readonly [text: string, message: RegExp])[] = [
      ["", /^The proof isn't a compact JWS/],
      ["x", /^The proof isn't a compact JWS/],
      [`${proof}.x`, /^The proof isn't a compact JWS/],
      [`${proof}=`, /^The proof's signature part isn't canonical base64url/],
      [`${proof}\n`, /^The proof's signature part isn't canonical base64url/],
      [` ${proof}`, /^The proof's header part isn't canonical base64url/],
      [`b'${proof}'`, /^The proof's header part isn't canonical base64url/],
      [proof + "A".repeat(8193), /^The proof has [0-9]+ characters; at most 8192 are allowed\.$/],
      [signParts("[]", claims, privateKey), /^The proof's header part isn't a JSON object\.$/],
      [signParts(HEADER, "null", privateKey), /^The proof's claims part isn't a JSON object\.$/],
      [signParts(HEADER, json.slice(0, -1), privateKey), /^The proof's claims part isn't JSON\.$/],
      [signParts(HEADER, Buffer.from([0xff]), privateKey), /^The proof's claims part isn't UTF-8\.$/],
      [
        signParts(HEADER, json.replace("{", '{"sub":"api-1-other",'), privateKey),
        /^The proof's claims part names a member twice\.$/,
      ],
      [
        signParts('{"typ":"JWT","alg":"RS256","typ":"key-proof+jwt"}', claims, privateKey),
        /^The proof's header part names a member twice\.$/,
      ],
      [
        signParts('{"alg":"RS256","typ":"JWT","__proto__":{"typ":"key-proof+jwt"}}', claims, privateKey),
        /^The proof's typ is "JWT"/,
      ],
      [signParts(HEADER, `{"__proto__":${json}}`, privateKey), /^The proof's aud is missing/],
    ];
    for (const [text, message] of cases) await refuses(verify(text), message);
  });

  test("of any text is accepted or refused with key_proof_invalid, and never a defect", async () => {
    const { claims, verify } = openProofs();
    const proof = signParts(HEADER, claims, privateKey);
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string({ unit: "binary" }),
          fc.tuple(fc.json(), fc.json()).map(([header, body]) => `${encodePart(header)}.${encodePart(body)}.AA`),
          fc.nat(proof.length - 1).map((at) => proof.slice(0, at) + proof.slice(at + 1)),
        ),
        async (text) => {
          const outcome: unknown = await verify(text).catch((error: unknown) => error);
          assert.ok(outcome instanceof Refusal && outcome.code === "key_proof_invalid", String(outcome));
        },
      ),
    );
  });
});

describe("a proof's nonce", () => {
  test("is valid for ten minutes, exclusive", async () => {
    const { clock, claims, challenge, verify } = openProofs();
    const proof = signParts(HEADER, claims, privateKey);
    assert.equal(challenge.expiresAtMs - clock.wallMs(), KEY_CHALLENGE_SECONDS * 1000);
    assert.equal(KEY_CHALLENGE_SECONDS, 600);
    clock.setMicroseconds((challenge.expiresAtMs - 1) * 1000);
    await verify(proof);
    clock.setMicroseconds(challenge.expiresAtMs * 1000);
    await refuses(verify(proof), "The proof's nonce has expired.");
  });

  test("is known under each of the configured master secrets, and under no other", async () => {
    const { clock, claims } = openProofs({ masterSecrets: [older] });
    const proof = signParts(HEADER, claims, privateKey);
    await openProofs({ clock, masterSecrets: [newest, older] }).verify(proof);
    for (const masterSecrets of [[newest], [stranger]] as [Buffer][]) {
      await refuses(
        openProofs({ clock, masterSecrets }).verify(proof),
        "The proof's nonce wasn't handed out by this service.",
      );
    }
  });

  test("is unknown if it is altered, spelled another way, or a challenge for something else", async () => {
    const { claims, challenge, verify } = openProofs();
    const { nonce } = challenge;
    const bytes = Buffer.from(nonce, "base64url");
    assert.match(nonce, /^[A-Za-z0-9_-]{72}$/);
    const flipped = Array.from(bytes, (_, at) => {
      const altered = Buffer.from(bytes);
      altered[at] = (altered[at] ?? 0) ^ 1;
      return altered.toString("base64url");
    });
    const others = [
      "",
      nonce.slice(1),
      `${nonce}A`,
      `${nonce}=`,
      ` ${nonce}`,
      bytes.toString("hex"),
      "A".repeat(72),
      "A".repeat(5000),
    ];
    if (/[-_]/.test(nonce)) others.push(bytes.toString("base64"));
    for (const altered of [...flipped, ...others]) {
      await refuses(
        verify(signParts(HEADER, { ...claims, nonce: altered }, privateKey)),
        "The proof's nonce wasn't handed out by this service.",
      );
    }
  });

  test("is different each time", () => {
    const { proofs } = openProofs();
    assert.equal(new Set(Array.from({ length: 100 }, () => proofs.makeChallenge().nonce)).size, 100);
  });
});

describe("a proof's times", () => {
  const issued = EXAMPLE_NOW_MICROSECONDS / 1e6;
  /** When a nonce was handed out is known to the millisecond. */
  const issuedMs = Math.floor(EXAMPLE_NOW_MICROSECONDS / 1000) / 1000;

  test("let iat be from 61 s before the nonce was handed out", async () => {
    for (const laterSeconds of [0, 599]) {
      const { clock, claims, verify } = openProofs();
      clock.advanceSeconds(laterSeconds);
      await verify(signParts(HEADER, { ...claims, iat: issuedMs - 61 }, privateKey));
      await refuses(
        verify(signParts(HEADER, { ...claims, iat: issuedMs - 61.001 }, privateKey)),
        "The proof's iat is before its nonce was handed out.",
      );
    }
  });

  test("let iat be until 61 s from now", async () => {
    const { clock, claims, verify } = openProofs();
    clock.advanceSeconds(300);
    await verify(signParts(HEADER, { ...claims, iat: issued + 361 }, privateKey));
    await refuses(
      verify(signParts(HEADER, { ...claims, iat: issued + 361.001 }, privateKey)),
      "The proof's iat is in the future.",
    );
    await refuses(
      verify(signParts(HEADER, { ...claims, iat: issued * 1000 }, privateKey)),
      "The proof's iat is in the future.",
    );
  });

  test("hold for exp and nbf where they are present, with 60 s of leeway", async () => {
    const { claims, verify } = openProofs();
    await verify(signParts(HEADER, { ...claims, exp: issued - 59.999, nbf: issued + 60 }, privateKey));
    await refuses(
      verify(signParts(HEADER, { ...claims, exp: issued - 60 }, privateKey)),
      "The proof's exp has passed.",
    );
    await refuses(
      verify(signParts(HEADER, { ...claims, nbf: issued + 60.001 }, privateKey)),
      "The proof's nbf is in the future.",
    );
  });
});

describe("the policy", () => {
  const key = parsePublicKey(publicPem);

  test("optional accepts a key without a proof, and refuses a proof that doesn't hold", async () => {
    const { proofs } = openProofs();
    assert.equal(await proofs.check({ text: undefined, key, username: USERNAME }), undefined);
    await refuses(proofs.check({ text: "x", key, username: USERNAME }), /^The proof isn't a compact JWS/);
    await refuses(proofs.check({ text: "", key, username: USERNAME }), /^The proof isn't a compact JWS/);
  });

  test("required refuses a key without a proof", async () => {
    const { proofs, claims } = openProofs({ policy: "required" });
    const refusal = await refusalOf(proofs.check({ text: undefined, key, username: USERNAME }));
    assert.equal(refusal.code, "key_proof_required");
    assert.deepEqual(
      refusal.detail.fields?.map(({ field }) => field),
      ["/proof"],
    );
    assert.ok(await proofs.check({ text: signParts(HEADER, claims, privateKey), key, username: USERNAME }));
  });
});
