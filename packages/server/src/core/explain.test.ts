import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { buildAssertion, exampleClaims } from "../testing/build-assertion.ts";
import { rsaKeyPair } from "../../../../test/testkit/rsa-keys.ts";
import { createTestClock } from "../testing/test-clock.ts";
import { testViewUser } from "../testing/test-view.ts";
import { endpointAudiences } from "./assertion/audiences.ts";
import { createFindSigner } from "./assertion/find-signer.ts";
import { createExchange } from "./exchange.ts";
import { explainAssertion } from "./explain.ts";
import { Refusal } from "./refusal.ts";

const alice = rsaKeyPair("alice");
const bob = rsaKeyPair("bob");
const clock = createTestClock();
const audiences = endpointAudiences("https://auth.example").exchange;

const active = testViewUser([{ id: 3, publicKey: alice.publicKey }]);
const withClaims = (claims: object) => buildAssertion(alice.privateKey, { claims: { ...exampleClaims(), ...claims } });

describe("an explanation's verdict is the exchange's answer", () => {
  const cases: Readonly<Record<string, readonly [credential: string, user?: typeof active]>> = {
    "a good assertion": [buildAssertion(alice.privateKey)],
    "no assertion": ["x"],
    "a Python bytes literal": [`b'${buildAssertion(alice.privateKey)}'`],
    "another algorithm": [buildAssertion(alice.privateKey, { header: { alg: "HS256" } })],
    "crit and wrong claims": [buildAssertion(alice.privateKey, { header: { crit: ["x"] }, claims: { iat: "1" } })],
    "no username": [withClaims({ username: undefined })],
    "iat, nbf, exp and aud wrong": [withClaims({ iat: 1, nbf: 1e11, exp: 1, aud: "https://other.example" })],
    "nbf and aud wrong": [withClaims({ nbf: 1e11, aud: "https://other.example" })],
    "an unknown user": [withClaims({ username: "api-9-none" })],
    "another private key": [buildAssertion(bob.privateKey)],
    "a revoked key of a deactivated user": [
      buildAssertion(alice.privateKey),
      testViewUser([{ id: 3, publicKey: alice.publicKey, status: "revoked" }], { status: "deactivated" }),
    ],
    "an expired key": [
      buildAssertion(alice.privateKey),
      testViewUser([{ id: 3, publicKey: alice.publicKey, expiresAtMs: clock.wallMs() }]),
    ],
    "a deactivated account": [
      buildAssertion(alice.privateKey),
      testViewUser([{ id: 3, publicKey: alice.publicKey }], { accountStatus: "deactivated" }),
    ],
  };
  for (const [name, [credential, user = active]] of Object.entries(cases)) {
    test(name, async () => {
      const view = { findUser: (username: string) => (username === user.username ? user : undefined) };
      const exchange = createExchange({
        findSigner: createFindSigner(view),
        clock,
        audiences,
        issueToken: () => Promise.reject(new Error("accepted")),
      });
      const authorization = `JWT ${credential}`;
      const answer: unknown = await exchange({ authorization, ttl: [] }).catch((error: unknown) => error);
      const { accepted, refusal, steps } = await explainAssertion(authorization, { view, clock, audiences });
      assert.equal(accepted, !(answer instanceof Refusal));
      assert.deepEqual(refusal, accepted ? undefined : answer);
      assert.equal(steps.find(({ outcome }) => outcome === "refused")?.detail, refusal?.message);
    });
  }

  test("whatever white space was copied along with it", async () => {
    const view = { findUser: () => active };
    for (const text of [`Authorization:  JWT \n  ${withClaims({})}\n`, `JWT \t${withClaims({})} `]) {
      const { accepted, steps } = await explainAssertion(text, { view, clock, audiences });
      assert.deepEqual([accepted, steps[0]?.detail], [true, "The scheme is JWT."]);
    }
  });

  test("and it names further faults after the first", async () => {
    const text = withClaims({ iat: 1, aud: "https://other.example", username: "api-9-none" });
    const { steps } = await explainAssertion(text, { view: { findUser: () => undefined }, clock, audiences });
    const refused = steps.filter(({ outcome }) => outcome === "refused").map(({ check }) => check);
    assert.deepEqual(refused, ["time", "audience", "user"]);
  });
});

describe("an explanation for a user and a key that are limited to networks", () => {
  const limited = testViewUser([{ id: 3, publicKey: alice.publicKey, networks: ["192.0.2.7/32"] }], {
    networks: ["192.0.2.0/24", "2001:db8::/32"],
  });
  const STATED = "The user is limited to 192.0.2.0/24, 2001:db8::/32. The key is limited to 192.0.2.7/32.";
  const explain = async (from?: string, user = limited, text = buildAssertion(alice.privateKey)) => {
    const { accepted, refusal, steps } = await explainAssertion(text, {
      view: { findUser: () => user },
      clock,
      audiences,
      from,
    });
    const networks = steps.filter(({ check }) => check === "networks").map(({ outcome, detail }) => [outcome, detail]);
    return { accepted, code: refusal?.code, networks, checks: steps.map(({ check }) => check) };
  };

  test("states the networks and doesn't check them without the client's address", async () => {
    const { accepted, networks, checks } = await explain();
    assert.equal(accepted, true);
    assert.deepEqual(networks, [["note", `${STATED} The client's address isn't checked here.`]]);
    assert.deepEqual(checks.slice(-3), ["key", "standing", "networks"]);
  });

  test("checks the client's address like the exchange", async () => {
    assert.deepEqual((await explain("192.0.2.7")).networks, [["passed", `${STATED} 192.0.2.7 is allowed.`]]);
    const { accepted, code, networks } = await explain("192.0.2.8");
    assert.deepEqual([accepted, code], [false, "source_not_allowed"]);
    assert.deepEqual(networks, [
      ["note", STATED],
      ["refused", "This key may be used only from certain networks, and 192.0.2.8 isn't in one of them."],
    ]);
  });

  test("says nothing of networks where there is no limit, or where the signature doesn't verify", async () => {
    assert.deepEqual((await explain("198.51.100.1", active)).networks, []);
    assert.deepEqual((await explain("198.51.100.1", limited, buildAssertion(bob.privateKey))).networks, []);
  });
});
