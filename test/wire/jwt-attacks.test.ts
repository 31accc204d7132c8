/**
 * jwt_tool's attacks against everything that takes an assertion: each is refused with its code, and none gets a token or
 * rotates in a key.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { addPublicKey } from "../testkit/api-client.ts";
import { forge, HEADER, JWT_ATTACKS, jwkOf, type Members, type Scene, tamper } from "../testkit/jwt-attacks.ts";
import { rsaKeyPair } from "../testkit/rsa-keys.ts";
import { startServer, type TestServer } from "../testkit/server.ts";
import { signParts } from "../testkit/sign-assertion.ts";

const JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

const victim = rsaKeyPair("victim");
const attacker = rsaKeyPair("attacker");
/** The key that the victim rotates to, and everything but the assertion that a rotation needs. */
const next = rsaKeyPair("next");
let rotation: { readonly public_key: string; readonly proof: string };

let server: TestServer;
let scene: Scene;
let username: string;
/** Requests to the attacker's server. */
let fetched = 0;

const keyServer = createServer((_request, response) => {
  fetched++;
  response.end(JSON.stringify({ keys: [{ ...jwkOf(attacker), kid: "jwt_tool" }] }));
});

before(async () => {
  server = await startServer({ flags: ["--refusal-limit", "0"] });
  await server.json("account", "create", "acme");
  const create = (name: string) =>
    server.json<{ username: string }>("user", "create", name, "--account", "acme", "--may-rotate");
  username = (await create("victim")).username;
  await addPublicKey(server, username, victim.publicPem);
  const attackerKeyId = await addPublicKey(server, (await create("attacker")).username, attacker.publicPem);
  await new Promise<void>((resolve) => {
    keyServer.listen(0, "127.0.0.1", resolve);
  });
  const attackerUrl = `http://127.0.0.1:${(keyServer.address() as AddressInfo).port}`;
  scene = { victim, attacker, attackerKeyId, attackerUrl };
  const challenge = await fetch(`${server.publicUrl}/api/auth/v0/key-challenges/`, { method: "POST" });
  const { data } = (await challenge.json()) as { data: { readonly nonce: string } };
  const claims = { aud: server.publicUrl, sub: username, nonce: data.nonce, iat: Math.floor(Date.now() / 1000) };
  const proof = signParts({ alg: "RS256", typ: "key-proof+jwt" }, claims, next.privateKey);
  rotation = { public_key: next.publicPem, proof };
});

after(async () => {
  keyServer.close();
  await server.stop();
});

/** An endpoint that takes assertions. */
interface Endpoint {
  readonly name: string;
  /** The claims of a valid assertion, new each time. */
  readonly claims: (username: string) => Members;
  /** The status and the code of the refusal; the code is empty where nothing is refused. */
  readonly send: (assertion: string) => Promise<{ readonly outcome: string; readonly body: string }>;
  /** What a valid assertion gets. */
  readonly accepted: string;
  /** How many tokens that issues. */
  readonly tokens: number;
}

const ENDPOINTS: readonly Endpoint[] = [
  {
    name: "the exchange",
    accepted: "200 ",
    tokens: 1,
    claims: (username) => ({ username, iat: Date.now() / 1000 }),
    async send(assertion) {
      const headers = { Authorization: `JWT ${assertion}` };
      return await outcomeOf(await fetch(`${server.publicUrl}/api/auth/v0/refresh/`, { headers }));
    },
  },
  {
    name: "the rotation of a key",
    accepted: "201 ",
    tokens: 0,
    claims: (username) => ({ username, iat: Date.now() / 1000, aud: `${server.publicUrl}/api/auth/v0/keys/` }),
    async send(assertion) {
      const response = await fetch(`${server.publicUrl}/api/auth/v0/keys/`, {
        method: "POST",
        headers: { Authorization: `JWT ${assertion}`, "Content-Type": "application/json" },
        body: JSON.stringify(rotation),
      });
      return await outcomeOf(response);
    },
  },
  {
    name: "the OAuth token endpoint",
    accepted: "200 ",
    tokens: 1,
    claims(name) {
      const exp = Math.floor(Date.now() / 1000) + 60;
      return { iss: name, sub: name, aud: server.publicUrl, exp, jti: randomUUID() };
    },
    async send(assertion) {
      const form = {
        grant_type: "client_credentials",
        client_assertion_type: JWT_BEARER,
        client_assertion: assertion,
      };
      const response = await fetch(`${server.publicUrl}/oauth2/token`, {
        method: "POST",
        body: new URLSearchParams(form),
      });
      const body = await response.text();
      const { error_uri: uri = "" } = JSON.parse(body) as { error_uri?: string };
      return { outcome: `${response.status} ${uri.split("#")[1] ?? ""}`, body };
    },
  },
];

/** Of an answer in the envelope. */
async function outcomeOf(response: Response) {
  const body = await response.text();
  const { meta } = JSON.parse(body) as { meta: { errors: readonly { code: string }[] } };
  return { outcome: `${response.status} ${meta.errors[0]?.code ?? ""}`, body };
}

/** What jwt_tool puts in place of each member, and into claims that an application may read. */
const JUNK: readonly unknown[] = [null, true, false, "jwt_tool", 0, -1, 1e308, [], {}, "", "x".repeat(2000)];
const COMMON_CLAIMS = ["admin", "role", "scope", "roles", "user", "email", "groups", "azp", "act", "cnf", "nonce"];

async function tokensIssued(): Promise<number> {
  const metrics = await (await fetch(`${server.adminUrl}/metrics`)).text();
  return Number(/^countersign_tokens_issued_total (\d+)$/m.exec(metrics)?.[1] ?? Number.NaN);
}

for (const { name, claims, send, accepted, tokens } of ENDPOINTS) {
  describe(`${name} refuses`, () => {
    let issued = 0;

    const assertAccepted = async () => {
      const { outcome, body } = await send(signParts(HEADER, claims(username), victim.privateKey));
      assert.equal(outcome, accepted, body);
      issued += tokens;
    };

    before(async () => {
      issued = await tokensIssued();
      if (tokens > 0) await assertAccepted();
    });

    after(async () => {
      if (tokens === 0) {
        const keys = await server.json<readonly unknown[]>("key", "list", username);
        assert.equal(keys.length, 1, "an attack rotated in a key");
      }
      // An attack leaves nothing behind that stops the victim.
      await assertAccepted();
      assert.equal(await tokensIssued(), issued, "an attack got a token");
      assert.equal(fetched, 0, "the server followed a URL of an assertion");
    });

    for (const [group, attacks] of JWT_ATTACKS) {
      test(`${group}: ${attacks.length} attacks, each with its code`, async () => {
        for (const { name, code, make } of attacks) {
          const { outcome, body } = await send(make(claims(username), scene));
          assert.equal(outcome, `401 ${code}`, `${name}: ${body}`);
        }
      });
    }

    test("every claim of a seen assertion that is changed, and repeats nothing of it", async () => {
      const marker = `inject_${randomUUID()}`;
      for (const member of [...Object.keys(claims(username)), ...COMMON_CLAIMS]) {
        for (const value of [marker, scene.attackerUrl, ...JUNK]) {
          const seen = claims(username);
          const { outcome, body } = await send(tamper(seen, scene, HEADER, { ...seen, [member]: value }));
          assert.match(outcome, /^401 assertion_/, `${member} ${JSON.stringify(value)}`);
          assert.ok(!body.includes(marker), body);
        }
      }
    });

    test("every member of a seen header that is changed", async () => {
      for (const [member, code] of [
        ["alg", "assertion_algorithm"],
        ["typ", "assertion_rejected"],
      ] as const) {
        for (const value of JUNK) {
          const seen = claims(username);
          const { outcome } = await send(tamper(seen, scene, { ...HEADER, [member]: value }, seen));
          assert.equal(outcome, `401 ${code}`, `${member} ${JSON.stringify(value)}`);
        }
      }
    });

    test("the victim's name, however it is spelt, under the attacker's signature", async () => {
      for (const spelt of [
        username,
        username.toUpperCase(),
        ` ${username}`,
        `${username}\0`,
        `./${username}`,
        "*",
        "%",
      ]) {
        const { outcome } = await send(forge(claims(spelt), scene));
        assert.equal(outcome, "401 assertion_rejected", spelt);
      }
    });
  });
}
