import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createSystemRandom } from "../../platform/random.ts";
import { createTestClock } from "../../testing/test-clock.ts";
import { createAuthenticateResourceServer, parseBasicCredentials } from "./authenticate.ts";
import { Refusal } from "../refusal.ts";
import { hashClientSecret, makeClientSecret } from "./client-secret.ts";
import type { ResourceServer, ResourceServerId } from "./model.ts";

const random = createSystemRandom();
const secret = makeClientSecret(random);
const oldSecret = makeClientSecret(random);
const stranger = makeClientSecret(random);

const SHOP: ResourceServer = {
  id: 7 as ResourceServerId,
  clientId: "rs-7",
  name: "shop",
  status: "active",
  secretHash: hashClientSecret(secret),
  previousSecret: null,
  createdAtMs: 0,
};

function authenticatorFor(overrides: Partial<ResourceServer> = {}) {
  const server = { ...SHOP, ...overrides };
  const asked: number[] = [];
  const clock = createTestClock();
  const authenticate = createAuthenticateResourceServer(
    {
      findResourceServer(id) {
        asked.push(id);
        return id === server.id ? server : undefined;
      },
    },
    clock,
  );
  return { authenticate, asked, clock, server };
}

function refusalOf(work: () => unknown): Pick<Refusal, "code" | "message" | "detail"> {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error));
    const { code, message, detail } = error;
    return { code, message, detail };
  }
  return assert.fail("nothing was refused");
}

const REJECTED = {
  code: "client_rejected",
  message: "The resource server's credentials aren't right, or it is deactivated.",
  detail: {
    hint: "Check client_id and client_secret. countersign resource-server rotate gives a new secret.",
  },
};

const MISSING = {
  code: "client_rejected",
  message: "The request has no resource server credentials.",
  detail: {
    hint: 'Send "Authorization: Basic …" with the client_id and client_secret that countersign resource-server create printed.',
  },
};

describe("a resource server", () => {
  test("is authenticated by its id and secret, synchronously where it is cached", () => {
    const { authenticate, server } = authenticatorFor();
    assert.equal(authenticate({ clientId: "rs-7", clientSecret: secret }), server);
  });

  test("is authenticated or refused by a promise where the store has to be read", async () => {
    const found = createAuthenticateResourceServer(
      { findResourceServer: (id) => Promise.resolve(id === SHOP.id ? SHOP : undefined) },
      createTestClock(),
    );
    assert.equal(await found({ clientId: "rs-7", clientSecret: secret }), SHOP);
    for (const credentials of [
      { clientId: "rs-8", clientSecret: secret },
      { clientId: "rs-7", clientSecret: stranger },
    ]) {
      await assert.rejects(async () => found(credentials), { ...REJECTED, name: "Refusal" });
    }
  });

  test("is refused where the store can't be read", async () => {
    const unavailable = new Refusal("unavailable", "The registry can't be read right now.");
    const authenticate = createAuthenticateResourceServer(
      { findResourceServer: () => Promise.reject(unavailable) },
      createTestClock(),
    );
    await assert.rejects(
      async () => authenticate({ clientId: "rs-7", clientSecret: secret }),
      (error) => error === unavailable,
    );
  });

  test("learns nothing from a refusal: the answer is the same for unknown, wrong, expired and deactivated", () => {
    const rotated = { previousSecret: { hash: hashClientSecret(oldSecret), endsAtMs: 0 } };
    for (const [overrides, clientId, clientSecret] of [
      [{}, "rs-8", secret],
      [{}, "rs-7", stranger],
      [{}, "rs-7", oldSecret],
      [rotated, "rs-7", oldSecret],
      [{ status: "deactivated" }, "rs-7", secret],
      [
        { status: "deactivated", previousSecret: { hash: hashClientSecret(oldSecret), endsAtMs: 1e15 } },
        "rs-7",
        oldSecret,
      ],
      [{}, "rs-7", "csrs_x"],
      [{}, "rs-7", ""],
      [{}, "", secret],
      [{}, "rs-07", secret],
    ] as const) {
      const { authenticate } = authenticatorFor(overrides);
      assert.deepEqual(
        refusalOf(() => authenticate({ clientId, clientSecret })),
        REJECTED,
      );
    }
  });

  test("that was deactivated is accepted again once it is active", () => {
    assert.ok(authenticatorFor({ status: "active" }).authenticate({ clientId: "rs-7", clientSecret: secret }));
  });

  test("causes no store read with what can't be an id or a secret", () => {
    const { authenticate, asked } = authenticatorFor();
    const lastCharacter = secret.endsWith("0") ? "1" : "0";
    for (const clientSecret of ["", "x", secret.slice(0, -1) + lastCharacter, `${secret}x`, hashClientSecret(secret)]) {
      refusalOf(() => authenticate({ clientId: "rs-7", clientSecret }));
    }
    for (const clientId of [
      "",
      "7",
      "rs-",
      "rs-0",
      "rs-07",
      "rs-7 ",
      "rs-7\n",
      "RS-7",
      "rs--7",
      "rs-7.0",
      "rs-1e3",
      "rs-99999999999",
      "api-1-demo",
      "shop",
      "__proto__",
    ]) {
      refusalOf(() => authenticate({ clientId, clientSecret: secret }));
    }
    assert.deepEqual(asked, []);
  });

  test("is authenticated or gets the one refusal, whatever the text", () => {
    const { authenticate, asked } = authenticatorFor();
    const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("rs-7", "rs-1", oldSecret, "csrs_"));
    fc.assert(
      fc.property(text, text, (clientId, clientSecret) => {
        assert.deepEqual(
          refusalOf(() => authenticate({ clientId, clientSecret })),
          REJECTED,
        );
      }),
    );
    for (const id of asked) assert.ok(id === 7 || id === 1);
  });
});

describe("a secret that was rotated with a grace", () => {
  for (const [offsetMs, works] of [
    [-1, true],
    [0, false],
    [1, false],
  ] as const) {
    test(`${works ? "works" : "has ended"} at ${offsetMs} ms from the grace's end, and the new one works all the time`, () => {
      const clock = createTestClock();
      const endsAtMs = clock.wallMs() - offsetMs;
      const { authenticate, server } = authenticatorFor({
        previousSecret: { hash: hashClientSecret(oldSecret), endsAtMs },
      });
      assert.equal(authenticate({ clientId: "rs-7", clientSecret: secret }), server);
      const useOld = () => authenticate({ clientId: "rs-7", clientSecret: oldSecret });
      if (works) assert.equal(useOld(), server);
      else assert.deepEqual(refusalOf(useOld), REJECTED);
      assert.deepEqual(
        refusalOf(() => authenticate({ clientId: "rs-7", clientSecret: stranger })),
        REJECTED,
      );
    });
  }
});

const base64 = (text: string) => Buffer.from(text).toString("base64");
const GOOD = { clientId: "rs-7", clientSecret: secret };

describe("credentials in an Authorization header", () => {
  test("are read whatever the case of Basic and however many spaces come after it", () => {
    for (const scheme of ["Basic ", "basic ", "BASIC ", "bAsIc   "]) {
      assert.deepEqual(parseBasicCredentials(scheme + base64(`rs-7:${secret}`)), GOOD);
    }
  });

  test("are read with and without form-encoding, and with and without base64's padding", () => {
    const encode = (text: string) => Buffer.from(text).toString("hex").replaceAll(/../g, "%$&");
    for (const text of [
      `rs-7:${secret}`,
      `rs%2D7:${secret.replace("_", "%5F")}`,
      `rs%2d7:${secret.replace("_", "%5f")}`,
      `${encode("rs-7")}:${encode(secret)}`,
    ]) {
      assert.deepEqual(parseBasicCredentials(`Basic ${base64(text)}`), GOOD);
      assert.deepEqual(parseBasicCredentials(`Basic ${base64(text).replaceAll("=", "")}`), GOOD);
    }
  });

  test("are split at the first colon, which a secret never has", () => {
    assert.deepEqual(parseBasicCredentials(`Basic ${base64("rs-7:a:b")}`), { clientId: "rs-7", clientSecret: "a:b" });
    assert.deepEqual(parseBasicCredentials(`Basic ${base64(":")}`), { clientId: "", clientSecret: "" });
    assert.deepEqual(parseBasicCredentials(`Basic ${base64("rs-7%3A:%")}`), { clientId: "rs-7:", clientSecret: "%" });
  });

  test("that are missing or of another kind get the same refusal", () => {
    const good = base64(`rs-7:${secret}`);
    for (const header of [
      undefined,
      "",
      "Basic",
      "Basic ",
      good,
      `Basic${good}`,
      `Bearer ${good}`,
      `Token ${good}`,
      ` Basic ${good}`,
      `Basic ${good} `,
      `Basic\t${good}`,
      `Basic ${good}, Basic ${good}`,
      `Basic ${good}\n`,
      `Basic ${good}===`,
      "Basic ====",
      `Basic rs-7:${secret}`,
      `Basic ${base64("rs-7")}`,
      `Basic ${base64("no colon here")}`,
      `Basic ${"A".repeat(16_000)}`,
    ]) {
      assert.deepEqual(
        refusalOf(() => parseBasicCredentials(header)),
        MISSING,
        String(header).slice(0, 80),
      );
    }
  });

  test("are read in linear time, however long they are", () => {
    const huge = "a".repeat(1_000_000);
    assert.equal(parseBasicCredentials(`Basic ${base64(`${huge}:${huge}`)}`).clientId.length, 1_000_000);
    assert.equal(refusalOf(() => parseBasicCredentials(`Basic${" ".repeat(1_000_000)}!`)).code, "client_rejected");
  });

  test("of any bytes give credentials or the one refusal", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.base64String()), (text) => {
        for (const header of [text, `Basic ${text}`, `Basic ${base64(text)}`, `Basic ${base64(`%${text}:%${text}`)}`]) {
          try {
            const { clientId, clientSecret } = parseBasicCredentials(header);
            assert.equal(typeof clientId + typeof clientSecret, "stringstring");
          } catch (error) {
            assert.ok(error instanceof Refusal, String(error));
            assert.equal(error.code, "client_rejected");
          }
        }
      }),
    );
  });
});
