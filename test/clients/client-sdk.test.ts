/**
 * The client SDK against a real server: what an application sees, the README's examples included.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  CountersignError,
  createFetch,
  createTokenSource,
  type Fetch,
  SDK_ERROR_CODES,
  type TokenSourceOptions,
} from "@countersign/client";
import { reservePort } from "../../packages/server/src/testing/reserve-port.ts";
import { eventually } from "../testkit/eventually.ts";
import { environment, runProgram } from "../testkit/run-program.ts";
import {
  createApiUser,
  createKey,
  startServer,
  temporaryFolder,
  type TestApiUser,
  type TestServer,
  tokenCommand,
} from "../testkit/server.ts";
import { makeKeyPair } from "../testkit/rsa-keys.ts";

const root = join(import.meta.dirname, "..", "..");
const CHECK = "/api/auth/v0/check/";

let server: TestServer;
let user: TestApiUser;
let privateKey: string;

before(async () => {
  server = await startServer();
  user = await createApiUser(server);
  privateKey = readFileSync(user.privateKeyFile, "utf8");
});
after(() => server.stop());

/** A token source for the server, and the number of requests that it has sent. */
function sourceWith(options: Partial<TokenSourceOptions> = {}) {
  let requests = 0;
  const counting: Fetch = (input, init) => {
    requests++;
    return fetch(input, init);
  };
  const source = createTokenSource({
    baseUrl: server.publicUrl,
    username: user.username,
    privateKey,
    fetch: counting,
    ...options,
  });
  return { source, requests: () => requests };
}

const clockOffBy = (seconds: number) => ({
  wallMs: () => Date.now() + seconds * 1000,
  monotonicMs: () => performance.now(),
});

async function check(token: string) {
  return await fetch(server.publicUrl + CHECK, { headers: { Authorization: `Token ${token}` } });
}

/** A further key of the user. Waits until the server knows it, since another process adds it. */
async function furtherKey() {
  const { keyId, privateKeyFile } = await createKey(server, user.username);
  const text = readFileSync(privateKeyFile, "utf8");
  const token = await eventually("the server knows the new key", () =>
    sourceWith({ privateKey: text })
      .source.getToken()
      .catch(() => undefined),
  );
  return {
    privateKey: text,
    /** Changes the key's standing, and waits until the server's check reflects it for a token under that key. */
    async set(action: "activate" | "deactivate") {
      await server.json("key", action, String(keyId));
      const status = action === "activate" ? 200 : 403;
      await eventually(`the server knows of ${action}`, async () => (await check(token)).status === status);
    },
  };
}

/** A key of the user that expires in 13 days, and the file of its private half. */
async function expiringKey(username: string, besides: string) {
  const privateKeyFile = `${besides}.expiring`;
  await server.json("key", "generate", username, "--out", privateKeyFile, "--expires-in", "13d");
  const privateKey = readFileSync(privateKeyFile, "utf8");
  await eventually("the server knows the new key", () =>
    sourceWith({ username, privateKey })
      .source.getToken()
      .catch(() => undefined),
  );
  return { privateKey, privateKeyFile };
}

async function rejection(promise: Promise<unknown>): Promise<CountersignError> {
  const error = await promise.then(
    () => assert.fail("it should have failed"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof CountersignError, String(error));
  return error;
}

describe("a token source", () => {
  test("gets a token that the server accepts, with the requested lifetime, in one request", async () => {
    const { source, requests } = sourceWith({ ttlSeconds: 900 });
    const tokens = await Promise.all(Array.from({ length: 20 }, () => source.getToken()));
    assert.equal(new Set([...tokens, await source.getToken()]).size, 1);
    assert.equal(requests(), 1);
    const checked = await check(tokens[0] ?? "");
    assert.equal(checked.status, 200);
    assert.equal(checked.headers.get("x-auth-username"), user.username);
    const lifeSeconds = Number(checked.headers.get("x-auth-expires-at")) - Date.now() / 1000;
    assert.ok(lifeSeconds > 890 && lifeSeconds <= 901, `${lifeSeconds} s`);
  });

  for (const seconds of [-600, 600, 90, -86_400 * 365]) {
    test(`works on a machine whose clock is off by ${seconds} s, by signing again once`, async () => {
      const { source, requests } = sourceWith({ clock: clockOffBy(seconds) });
      assert.equal((await check(await source.getToken())).status, 200);
      assert.equal(requests(), 2);
      await source.getToken({ fresh: true });
      assert.equal(requests(), 3, "and remembers the difference");
    });
  }

  for (const [name, change] of [
    ["with escaped line ends, in quotes", (pem: string) => `"${pem.replaceAll("\n", String.raw`\n`)}"`],
    ["with CRLF", (pem: string) => pem.replaceAll("\n", "\r\n")],
    ["in base64", (pem: string) => Buffer.from(pem).toString("base64")],
    ["on one line", (pem: string) => pem.replaceAll("\n", " ")],
  ] as const) {
    test(`takes the key from an environment variable ${name}`, async () => {
      const { source } = sourceWith({ privateKey: change(privateKey) });
      assert.equal((await check(await source.getToken())).status, 200);
    });
  }

  test("reports that its key was deactivated after one request, and works again after it was activated", async () => {
    const key = await furtherKey();
    const { source, requests } = sourceWith({ privateKey: key.privateKey });
    await source.getToken();
    await key.set("deactivate");
    const error = await rejection(source.getToken({ fresh: true }));
    assert.equal(error.code, "key_deactivated");
    assert.equal(error.status, 403);
    assert.equal(error.message, "The key that signed the assertion is deactivated.");
    assert.match(error.hint ?? "", /activate it/);
    assert.match(error.requestId ?? "", /^[\w-]{8,}$/);
    assert.equal(requests(), 2);
    await key.set("activate");
    assert.equal((await check(await source.getToken({ fresh: true }))).status, 200);
  });

  for (const [name, options, code] of [
    ["an unknown user", { username: "api-1-nobody" }, "assertion_rejected"],
    ["a wrong path", { baseUrl: new URL("http://127.0.0.1/not-here") }, "not_found"],
  ] as const) {
    test(`passes on the server's refusal: ${name}`, async () => {
      const baseUrl = "baseUrl" in options ? `${server.publicUrl}${options.baseUrl.pathname}` : server.publicUrl;
      const { source, requests } = sourceWith({ ...options, baseUrl });
      assert.equal((await rejection(source.getToken())).code, code);
      assert.equal(requests(), 1);
    });
  }

  test("reports an unreachable server with the system's error code", async () => {
    const port = await reservePort();
    const { source, requests } = sourceWith({ baseUrl: `http://127.0.0.1:${port}`, sleep: async () => undefined });
    const error = await rejection(source.getToken());
    assert.equal(error.code, "network");
    assert.match(error.message, /\(ECONNREFUSED\)/);
    assert.equal(requests(), 8);
  });
});

/** An API that asks the server's check about each request, and records what it received. */
async function startApi() {
  const seen: string[] = [];
  const api = createServer((request: IncomingMessage, response) => {
    request.resume().on("end", () => {
      const { authorization = "" } = request.headers;
      seen.push(authorization);
      fetch(server.publicUrl + CHECK, { headers: { Authorization: authorization } }).then(
        async (checked) => {
          await checked.body?.cancel();
          response.writeHead(checked.status).end(`Hello, ${checked.headers.get("x-auth-username")}`);
        },
        () => response.writeHead(500).end(),
      );
    });
  }).listen(0, "127.0.0.1");
  await once(api, "listening");
  after(() => api.close());
  return { seen, origin: `http://127.0.0.1:${(api.address() as AddressInfo).port}` };
}

describe("a rotation by the SDK", () => {
  test("replaces the key, and another process completes one that was interrupted", async () => {
    const { username, privateKeyFile } = await createApiUser(server, { account: "sdk", flags: ["--may-rotate"] });
    const present = readFileSync(privateKeyFile, "utf8");
    const stored: string[] = [];
    const store = (text: string) => void stored.push(text);
    // The answer to the rotation is lost, and so is everything that follows it.
    let isDown = false;
    const losing: Fetch = async (input, init) => {
      if (isDown) throw new TypeError("fetch failed");
      const answer = await fetch(input, init);
      isDown = new Request(input).url.endsWith("/api/auth/v0/keys/");
      if (isDown) throw new TypeError("fetch failed");
      return answer;
    };
    const interrupted = sourceWith({ username, privateKey: present, fetch: losing, sleep: async () => undefined });
    assert.equal((await rejection(interrupted.source.rotateKey({ store, label: "sdk" }))).code, "network");

    const { source } = sourceWith({ username, privateKey: present });
    const rotated = await source.rotateKey({ newPrivateKey: stored[0] });
    assert.equal(rotated.privateKey, stored[0]);
    assert.equal((await check(await source.getToken({ fresh: true }))).status, 200);
    const keys = await server.json<readonly { id: number; label: string | null; rotated_from: number | null }[]>(
      "key",
      "list",
      username,
    );
    assert.equal(keys.length, 2);
    const key = keys.find(({ id }) => id === rotated.keyId);
    assert.equal(key?.label, "sdk");
    assert.ok(key.rotated_from);
  });

  test("warns that a key expires soon, as the command line does on standard error", async () => {
    const { username, privateKeyFile } = await createApiUser(server, { account: "soon" });
    const { privateKey: present, privateKeyFile: file } = await expiringKey(username, privateKeyFile);
    const seen: string[] = [];
    await sourceWith({ username, privateKey: present, onWarning: ({ code }) => seen.push(code) }).source.getToken();
    assert.deepEqual(seen, ["key_expires_soon"]);
    const { status, stdout, stderr } = await server.cli(...tokenCommand(server, { username, privateKeyFile: file }));
    assert.equal(status, 0);
    assert.match(stdout, /^\S+\n$/);
    assert.match(
      stderr,
      /^countersign: warning: The key that signed the assertion expires at \S+; replace it before\.\n$/,
    );
  });

  test("is refused to a user that may not rotate", async () => {
    const stored: string[] = [];
    const { source } = sourceWith();
    const error = await rejection(source.rotateKey({ store: (text) => void stored.push(text) }));
    assert.equal(error.code, "rotation_not_allowed");
    assert.equal(stored.length, 1);
    assert.equal((await check(await source.getToken({ fresh: true }))).status, 200);
  });

  test("isn't needed for a key that an operator adds with a proof", async () => {
    const { username } = await createApiUser(server, { account: "proof" });
    const { privatePem, publicPem } = makeKeyPair();
    const proof = await sourceWith({ username, privateKey: privatePem }).source.proveKey();
    const file = join(temporaryFolder(), "public.pem");
    writeFileSync(file, publicPem);
    const key = await server.json<{ proved_at: string | null }>("key", "add", username, file, "--proof", proof);
    assert.ok(key.proved_at);
  });
});

describe("createFetch", () => {
  test("is accepted by an API at each request, and passes on the 403 for a token whose key was deactivated", async () => {
    const api = await startApi();
    const key = await furtherKey();
    const { source, requests } = sourceWith({ privateKey: key.privateKey });
    const send = createFetch(source, { origins: [api.origin] });
    assert.equal(await (await send(`${api.origin}/v1/items`)).text(), `Hello, ${user.username}`);
    assert.equal((await send(`${api.origin}/v1/items`, { method: "POST", body: "x" })).status, 200);
    assert.equal(requests(), 1);

    await key.set("deactivate");
    assert.equal((await send(`${api.origin}/v1/items`)).status, 403);
    await key.set("activate");
    assert.equal((await send(`${api.origin}/v1/items`)).status, 200);
    assert.equal(requests(), 1, "no further token was requested");
    // With three active keys of one length, the user's oldest would need a kid.
    await key.set("deactivate");
  });

  test("sends tokens to the service's own origin without further options", async () => {
    const send = createFetch(sourceWith().source, { scheme: "Bearer" });
    assert.equal((await send(server.publicUrl + CHECK)).status, 200);
  });
});

describe("the README's example", () => {
  // The key file of the last one is its own, since it replaces the key.
  let rotating: TestApiUser;
  before(async () => {
    rotating = await createApiUser(server, { account: "rotating", flags: ["--may-rotate"] });
  });

  const readme = readFileSync(join(root, "packages/client/README.md"), "utf8");
  const examples = [...readme.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code = ""]) => code);
  const outputs = [
    (username: string) => `200 Hello, ${username}\n`,
    () => "200\n",
    () =>
      "Configuration: The private key can't be used: it is a public key. The private key stays with the client, and is what goes here.\n",
    () => "true\n",
    () => "rotated number\n",
  ];

  test("has as many examples as are run here", () => assert.equal(examples.length, outputs.length));

  for (const [index, expected] of outputs.entries()) {
    test(`number ${index + 1} works as described, and its process ends`, async () => {
      const api = await startApi();
      const isLast = index === outputs.length - 1;
      const env = environment({
        AUTH_URL: server.publicUrl,
        AUTH_USERNAME: isLast ? rotating.username : user.username,
        AUTH_PRIVATE_KEY: privateKey.replaceAll("\n", String.raw`\n`),
        AUTH_PRIVATE_KEY_FILE: isLast ? rotating.privateKeyFile : user.privateKeyFile,
        API_URL: api.origin,
      });
      const { status, stdout, stderr } = await runProgram(
        process.execPath,
        ["--input-type=module", "--eval", examples[index] ?? ""],
        { env },
      );
      assert.equal(stderr, "");
      assert.equal(stdout, expected(user.username));
      assert.equal(status, 0);
    });
  }

  test("shows every option and every code", () => {
    const names = [
      ["token-source.ts", "TokenSourceOptions"],
      ["rotation/rotate-key.ts", "RotateKeyOptions"],
      ["rotation/prove-key.ts", "ProveKeyOptions"],
    ].flatMap(([file = "", name = ""]) => {
      const source = readFileSync(join(root, "packages/client/src", file), "utf8");
      const [, members = ""] = new RegExp(`interface ${name}.*?\\{(.*?)\\n\\}`, "s").exec(source) ?? [];
      return [...members.matchAll(/^ {2}readonly (\w+)/gm)].map(([, option]) => option);
    });
    assert.ok(names.length >= 16);
    for (const name of [...names, ...SDK_ERROR_CODES])
      assert.ok(readme.includes(`\`${name}\``), `${name} isn't in the README`);
  });
});
