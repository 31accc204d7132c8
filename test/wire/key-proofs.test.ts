/**
 * Proofs of possession, end to end: nonces for anybody, the ways in which keys come in, and JWSs of one kind in place of another.
 * The documented scripts run as they stand in docs/keys.md.
 */
import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, type KeyObject, randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type AdminClient, openAdminApi } from "../testkit/admin-client.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import { makeKeyPair, type RsaKeyPair } from "../testkit/rsa-keys.ts";
import { environment, runProgram } from "../testkit/run-program.ts";
import {
  assertFails,
  createApiUser,
  createKey,
  startServer,
  temporaryFolder,
  type TestServer,
} from "../testkit/server.ts";
import { signParts } from "../testkit/sign-assertion.ts";

const CHALLENGES = "/api/auth/v0/key-challenges/";
const PROOF_HEADER = { alg: "RS256", typ: "key-proof+jwt" };

const noOpenssl = await findMissing({
  name: "openssl or curl",
  debianPackages: "curl openssl",
  probes: [
    ["openssl", "version"],
    ["curl", "--version"],
  ],
});
const noPython = await findMissing({
  name: "Python with PyJWT and cryptography",
  debianPackages: "python3-jwt python3-cryptography",
  probes: [["/usr/bin/python3", "-c", "import cryptography, jwt"]],
});
const skipUnlessCi = (missing: string | undefined) => (missing !== undefined && !IS_CI ? missing : false);

/** A script of docs/keys.md, by the name in its usage. */
function documentedScript(name: string): string {
  const page = readFileSync(fileURLToPath(new URL("../../docs/keys.md", import.meta.url)), "utf8");
  const scripts = [...page.matchAll(/```(?:sh|python)\n([\s\S]*?)```/g)].map((match) => match[1] ?? "");
  const script = scripts.find((each) => each.includes(`# Usage: ${name}`));
  assert.ok(script !== undefined, `docs/keys.md has no script ${name}`);
  return script;
}

async function getNonce({ publicUrl }: Pick<TestServer, "publicUrl">): Promise<string> {
  const answer = await fetch(publicUrl + CHALLENGES, { method: "POST" });
  assert.equal(answer.status, 200);
  return ((await answer.json()) as { data: { nonce: string } }).data.nonce;
}

interface Key {
  readonly id: number;
  readonly proved_at: string | null;
  readonly fingerprint: string;
}

describe("proofs of possession", { concurrency: false }, () => {
  let server: TestServer;
  let admin: AdminClient;
  let username: string;
  const folder = temporaryFolder();

  before(async () => {
    server = await startServer();
    ({ username } = await createApiUser(server));
    const { token } = await server.json<{ token: string }>("admin-token", "create", "test", "--role", "owner");
    admin = (await openAdminApi(server)).client.as({ bearer: token });
  });
  after(() => server.stop());

  const claims = async (more: object = {}) => ({
    aud: server.publicUrl,
    sub: username,
    nonce: await getNonce(server),
    iat: Date.now() / 1000,
    ...more,
  });
  const addByCli = (pair: RsaKeyPair, ...more: string[]) =>
    server.cliWithInput(pair.publicPem, "key", "add", username, "-", "--json", ...more);
  const addByApi = (pair: RsaKeyPair, proof?: string) =>
    admin.post(`/users/${username}/keys`, { public_key: pair.publicPem, proof });

  describe("a nonce", () => {
    test("is handed out to anybody, in the envelope, with and without the trailing slash", async () => {
      for (const path of [CHALLENGES, CHALLENGES.slice(0, -1)]) {
        const before = Date.now() / 1000;
        const answer = await fetch(server.publicUrl + path, { method: "POST" });
        assert.equal(answer.status, 200);
        assert.equal(answer.headers.get("cache-control"), "no-store");
        const { meta, data } = (await answer.json()) as { meta: object; data: { nonce: string; expires_at: number } };
        assert.deepEqual(meta, { code: 200, errors: [], warnings: [] });
        assert.deepEqual(Object.keys(data), ["nonce", "expires_at"]);
        assert.match(data.nonce, /^[A-Za-z0-9_-]{72}$/);
        assert.ok(data.expires_at >= before + 599.9 && data.expires_at <= Date.now() / 1000 + 600.1);
      }
    });

    test("isn't handed out by another method", async () => {
      for (const method of ["GET", "PUT", "DELETE"]) {
        const answer = await fetch(server.publicUrl + CHALLENGES, { method });
        assert.equal(answer.status, 405);
        assert.equal(answer.headers.get("allow"), "POST, OPTIONS");
      }
    });
  });

  describe("a key with a proof", () => {
    test("is added by the command line, from an argument and from a file, and listed as proved", async () => {
      const [one, two] = [makeKeyPair(), makeKeyPair()];
      const added = await addByCli(one, "--proof", signParts(PROOF_HEADER, await claims(), one.privateKey));
      assert.equal(added.status, 0, added.stderr);
      const key = JSON.parse(added.stdout) as Key;
      assert.ok(Math.abs(Date.parse(key.proved_at ?? "") - Date.now()) < 600_000);
      const file = join(folder, "two.jwt");
      writeFileSync(file, `${signParts(PROOF_HEADER, await claims(), two.privateKey)}\n`);
      assert.equal((await addByCli(two, "--proof", file)).status, 0);
      const table = (await server.cli("key", "list", username)).stdout;
      assert.match(table, /POSSESSION/);
      assert.equal(table.match(/ proved /g)?.length, 3, "these and the generated one");
    });

    test("is added by the admin API, which hands out the nonce and the text to sign", async () => {
      const pair = makeKeyPair();
      const challenge = await admin.post(`/users/${username}/key-challenges`);
      assert.equal(challenge.status, 200);
      const { signing_input: input, audience, username: subject } = challenge.body.data;
      assert.deepEqual([audience, subject], [server.publicUrl, username]);
      const [header, body] = (input as string).split(".").map((part) => Buffer.from(part, "base64url").toString());
      const proof = signParts(header, body, pair.privateKey);
      assert.ok(proof.startsWith(input));
      const key = await addByApi(pair, proof);
      assert.equal(key.status, 201, key.text);
      assert.notEqual(key.body.data.proved_at, null);
      const again = await addByApi(makeKeyPair(), proof);
      assert.equal(again.code, "key_proof_invalid");
      const events = await admin.get(`/audit-events?action=key.added`);
      assert.ok(JSON.stringify(events.body.data).includes("proved_at_ms"));
    });

    test("uses up its nonce, and a refused key doesn't", async () => {
      const [first, second] = [makeKeyPair(), makeKeyPair()];
      const body = await claims();
      const refused = await admin.post(`/users/${username}/keys`, {
        public_key: first.publicPem,
        proof: signParts(PROOF_HEADER, body, first.privateKey),
        label: "\u0000",
      });
      assert.equal(refused.status, 422);
      assert.notEqual(refused.code, "key_proof_invalid");
      assert.equal((await addByApi(first, signParts(PROOF_HEADER, body, first.privateKey))).status, 201);
      const used = signParts(PROOF_HEADER, body, second.privateKey);
      assertFails(await addByCli(second, "--proof", used), 1, /The proof's nonce was used already/);
      const byApi = await addByApi(second, used);
      assert.equal(byApi.status, 422);
      assert.deepEqual(byApi.body.meta.errors[0].field, "/proof");
      assert.equal(byApi.body.meta.errors[0].message, "The proof's nonce was used already.");
    });

    test("of two that are added at once with one nonce, a single one is", async () => {
      const pairs = [makeKeyPair(), makeKeyPair(), makeKeyPair()];
      const body = await claims();
      const [byApi, ...byCli] = await Promise.all([
        addByApi(pairs[0] as RsaKeyPair, signParts(PROOF_HEADER, body, (pairs[0] as RsaKeyPair).privateKey)),
        ...pairs.slice(1).map((pair) => addByCli(pair, "--proof", signParts(PROOF_HEADER, body, pair.privateKey))),
      ]);
      const added = [byApi.status === 201, ...byCli.map(({ status }) => status === 0)];
      assert.equal(added.filter((isAdded) => isAdded).length, 1, JSON.stringify(added));
    });
  });

  test("key challenge prints commands that make a proof, with openssl alone", {
    skip: skipUnlessCi(noOpenssl),
  }, async () => {
    const pair = makeKeyPair();
    writeFileSync(join(folder, "private.pem"), pair.privatePem, { mode: 0o600 });
    const { stdout } = await server.cli("key", "challenge", username);
    const commands = stdout.split("\n").filter((line) => /^ {2}(input|signature|echo)/.test(line));
    assert.equal(commands.length, 3, stdout);
    const made = await runProgram("/bin/sh", ["-c", `cd "$1"\n${commands.join("\n")}`, "sh", folder]);
    assert.equal(made.status, 0, made.stderr);
    assert.equal((await addByCli(pair, "--proof", join(folder, "proof.jwt"))).status, 0);
    const json = await server.json<Record<string, string>>("key", "challenge", username);
    assert.deepEqual(Object.keys(json), ["nonce", "expires_at", "username", "audience", "signing_input"]);
    assertFails(await server.cli("key", "challenge", "api-1-nobody"), 1, /There is no API user api-1-nobody\./);
  });

  const documented = [
    ["sh proof.sh", "/bin/sh", noOpenssl],
    ["python3 proof.py", "/usr/bin/python3", noPython],
  ] as const;
  for (const [name, interpreter, missing] of documented) {
    test(`${name} of docs/keys.md makes a proof`, { skip: skipUnlessCi(missing) }, async () => {
      const pair = makeKeyPair();
      const [script, key, proof] = ["script", "key.pem", "made.jwt"].map((file) => join(folder, file)) as [
        string,
        string,
        string,
      ];
      writeFileSync(script, documentedScript(name));
      writeFileSync(key, pair.privatePem, { mode: 0o600 });
      const env = environment({ no_proxy: "127.0.0.1" });
      const made = await runProgram(interpreter, [script, server.publicUrl, username, key], { env });
      assert.equal(made.status, 0, made.stderr);
      writeFileSync(proof, made.stdout);
      const added = await addByCli(pair, "--proof", proof);
      assert.equal(added.status, 0, added.stderr);
    });
  }

  test("a JWS of one kind is accepted in no other's place, though its claims are those of all kinds", async () => {
    const { privateKeyFile } = await createKey(server, username);
    const current = createPrivateKey(readFileSync(privateKeyFile));
    const fresh = makeKeyPair();
    const jwsOf = async (typ: string | undefined, key: KeyObject) => {
      const seconds = Math.floor(Date.now() / 1000);
      const all = await claims({
        username,
        iss: username,
        exp: seconds + 60,
        iat: seconds,
        jti: randomUUID(),
        purpose: "revoke this key for good",
      });
      const jwk = createPublicKey(key.export({ format: "pem", type: "pkcs8" })).export({ format: "jwk" });
      return signParts({ alg: "RS256", typ, ...(typ === "key-revocation+jwt" && { jwk }) }, all, key);
    };
    const post = (path: string, form: Record<string, string>) =>
      fetch(server.publicUrl + path, { method: "POST", body: new URLSearchParams(form) });
    for (const typ of ["key-proof+jwt", "key-revocation+jwt", "KEY-PROOF+JWT", "application/key-revocation+jwt"]) {
      const jws = await jwsOf(typ, current);
      const exchange = await fetch(`${server.publicUrl}/api/auth/v0/refresh/`, {
        headers: { authorization: `JWT ${jws}` },
      });
      assert.equal(exchange.status, 401, typ);
      assert.match(await exchange.text(), /"assertion_header"/);
      for (const [path, form] of [
        ["/oauth2/token", { grant_type: "client_credentials" }],
        ["/oauth2/revoke", { token: "x" }],
      ] as const) {
        const client = {
          client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
          client_assertion: jws,
        };
        const answer = await post(path, { ...form, ...client });
        assert.equal(answer.status, 401, `${typ} ${path}`);
        assert.match(await answer.text(), /invalid_client.*assertion_header/);
      }
      const explained = await server.cli("explain", jws, "--json");
      assert.equal(explained.status, 1);
      assert.equal((JSON.parse(explained.stdout) as { code: string }).code, "assertion_header");
    }
    for (const typ of [undefined, "JWT", "at+jwt", "key-revocation+jwt", "KEY-PROOF+JWT"]) {
      const jws = await jwsOf(typ, fresh.privateKey);
      const byApi = await addByApi(fresh, jws);
      assert.equal(byApi.code, "key_proof_invalid", String(typ));
      assertFails(await addByCli(fresh, "--proof", jws), 1, /The proof's typ is .*"key-proof\+jwt" is needed/);
    }
    assert.equal((await addByApi(fresh, await jwsOf("key-proof+jwt", fresh.privateKey))).status, 201);
    const plain = await fetch(`${server.publicUrl}/api/auth/v0/refresh/`, {
      headers: {
        authorization: `JWT ${signParts({ alg: "RS256", typ: "JWT" }, { username, iat: Date.now() / 1000 }, current)}`,
      },
    });
    assert.equal(plain.status, 200, "the key itself is good");
  });

  test("an admin who is limited to an account gets no nonce for another's user", async () => {
    await server.json("account", "create", "other");
    const created = await server.json<{ token: string }>(
      "admin-token",
      "create",
      "limited",
      "--role",
      "admin",
      "--account",
      "other",
    );
    const limited = admin.as({ bearer: created.token });
    assert.equal((await limited.post(`/users/${username}/key-challenges`)).status, 404);
    assert.equal((await limited.post("/users/api-1-nobody/key-challenges")).status, 404);
  });
});

test("where a proof is required, no door adds a key without one", async () => {
  const server = await startServer({ env: { COUNTERSIGN_KEY_PROOF: "required" } });
  try {
    const { username } = await createApiUser(server);
    const [generated] = await server.json<Key[]>("key", "list", username);
    assert.notEqual(generated?.proved_at, null, "a generated key proves itself");
    const pair = makeKeyPair();
    const add = (...more: string[]) =>
      server.cliWithInput(pair.publicPem, "key", "add", username, "-", "--json", ...more);
    assertFails(await add(), 1, /The key came without a proof of possession, and this service requires one/);
    const { token } = await server.json<{ token: string }>("admin-token", "create", "test", "--role", "owner");
    const admin = (await openAdminApi(server)).client.as({ bearer: token });
    const refused = await admin.post(`/users/${username}/keys`, { public_key: pair.publicPem });
    assert.deepEqual([refused.status, refused.code], [422, "key_proof_required"]);
    const claims = { aud: server.publicUrl, sub: username, nonce: await getNonce(server), iat: Date.now() / 1000 };
    assert.equal((await add("--proof", signParts(PROOF_HEADER, claims, pair.privateKey))).status, 0);
  } finally {
    await server.stop();
  }
});

test("an address gets as many nonces a minute as the limit says, and its exchanges aren't affected", async () => {
  const server = await startServer({ flags: ["--refusal-limit", "3"] });
  try {
    const { username, privateKeyFile } = await createApiUser(server);
    const ask = () => fetch(server.publicUrl + CHALLENGES, { method: "POST" });
    for (let count = 0; count < 3; count++) assert.equal((await ask()).status, 200);
    const refused = await ask();
    assert.equal(refused.status, 429);
    assert.match(refused.headers.get("ratelimit-policy") ?? "", /^"key-challenges";q=3;w=60$/);
    assert.ok(Number(refused.headers.get("retry-after")) > 0);
    const token = await server.cli("token", "--username", username, "--key", privateKeyFile, "--url", server.publicUrl);
    assert.equal(token.status, 0, token.stderr);
  } finally {
    await server.stop();
  }
});
