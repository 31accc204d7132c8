/**
 * Revocation across processes: a change that one process acknowledged takes effect in the others, and lasts, whatever
 * is killed or stopped meanwhile.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { addPublicKey, type ApiClient, connectClient } from "../testkit/api-client.ts";
import { makeKeyPair, rsaKeyPair } from "../testkit/rsa-keys.ts";
import { eventually } from "../testkit/eventually.ts";
import { endWithThisProcess, environment } from "../testkit/run-program.ts";
import { COUNTERSIGN, startServer, temporaryFolder, type TestServer } from "../testkit/server.ts";
import { STALENESS_MS_MAX } from "../testkit/truth.ts";

interface User {
  readonly username: string;
  readonly keyId: number;
}

async function createUser(server: TestServer, account: string, name: string): Promise<User> {
  const { username } = await server.json<{ username: string }>("user", "create", name, "--account", account);
  return { username, keyId: await addPublicKey(server, username, rsaKeyPair(username).publicPem) };
}

const codeOf = ({ status, body }: { status: number; body: string }) =>
  `${status} ${/"code":"(\w+)"/.exec(body)?.[1] ?? ""}`.trim();

/** Polls until the answer is the one wanted, and returns how many milliseconds that took. */
async function holdsAfterMs(ask: () => Promise<{ status: number; body: string }>, wanted: string): Promise<number> {
  const startMs = performance.now();
  return eventually(`the answer becomes ${wanted}`, async () => {
    const beganMs = performance.now();
    const answer = codeOf(await ask());
    if (answer === wanted) return performance.now() - startMs;
    assert.ok(beganMs - startMs <= STALENESS_MS_MAX, `${answer} past the staleness bound`);
    return undefined;
  });
}

describe("a change by another process", () => {
  let server: TestServer;
  const clients: ApiClient[] = [];
  const users: User[] = [];
  const tokens: string[] = [];

  before(async () => {
    server = await startServer();
    await Promise.all([server.json("account", "create", "acme"), server.json("account", "create", "other")]);
    users.push(...(await Promise.all([createUser(server, "acme", "one"), createUser(server, "other", "two")])));
    for (const { username } of users) {
      const client = await connectClient(server.publicUrl, username, rsaKeyPair(username).privateKey);
      clients.push(client);
      tokens.push(await client.token());
    }
  });

  after(async () => {
    for (const { connection } of clients) connection.end();
    await server.stop();
  });

  test("a deactivated key's assertions and tokens are refused soon after the acknowledgement, and always past the bound", async (t) => {
    const latenciesMs: number[] = [];
    const ids = users.map(({ keyId }) => String(keyId)) as [string, string];
    await server.json("key", "deactivate", ids[1]);
    for (let round = 0; round < 20; round++) {
      // One is deactivated while the other is activated.
      const [off, on] = (round % 2 === 0 ? [0, 1] : [1, 0]) as [0 | 1, 0 | 1];
      const client = clients[off] as ApiClient;
      const token = tokens[off] ?? "";
      assert.equal((await client.check(token)).status, 200);
      const activation = server.json("key", "activate", ids[on]);
      const deactivation = await server.cli("key", "deactivate", ids[off]);
      assert.equal(deactivation.status, 0, deactivation.stderr);
      const isCheck = round % 4 < 2;
      latenciesMs.push(
        isCheck
          ? await holdsAfterMs(() => client.check(token), "403 key_deactivated")
          : await holdsAfterMs(() => client.exchange(), "403 key_deactivated"),
      );
      // Both share one view: what takes effect for one does so for the other.
      assert.equal(codeOf(await client.check(token)), "403 key_deactivated");
      assert.equal(codeOf(await client.exchange()), "403 key_deactivated");
      await activation;
      await holdsAfterMs(() => (clients[on] as ApiClient).check(tokens[on] ?? ""), "200");
    }
    await server.json("key", "activate", ids[1]);
    const sorted = latenciesMs.toSorted((a, b) => a - b);
    const median = sorted[sorted.length / 2] ?? 0;
    const worst = sorted.at(-1) ?? 0;
    t.diagnostic(`refused after the CLI's exit: median ${median.toFixed(1)} ms, worst ${worst.toFixed(1)} ms of 20`);
  });

  test("activating a key undoes that: unexpired tokens and new assertions work again", async () => {
    const [client] = clients as [ApiClient];
    const [token = ""] = tokens;
    const keyId = String(users[0]?.keyId);
    await server.json("key", "activate", keyId);
    await holdsAfterMs(() => client.check(token), "200");
    await server.json("key", "deactivate", keyId);
    await holdsAfterMs(() => client.check(token), "403 key_deactivated");
    await server.json("key", "activate", keyId);
    await holdsAfterMs(() => client.check(token), "200");
    await holdsAfterMs(() => client.exchange(), "200");
  });

  for (const [kind, name] of [
    ["user", () => users[0]?.username ?? ""],
    ["account", () => "acme"],
  ] as const) {
    test(`a deactivated ${kind} is refused in the same way, independently, and activating undoes that`, async () => {
      const [client, bystander] = clients as [ApiClient, ApiClient];
      const [token = "", otherToken = ""] = tokens;
      await server.json(kind, "deactivate", name());
      await holdsAfterMs(() => client.check(token), `403 ${kind}_deactivated`);
      await holdsAfterMs(() => client.exchange(), `403 ${kind}_deactivated`);
      assert.equal(codeOf(await bystander.check(otherToken)), "200");
      assert.equal(codeOf(await bystander.exchange()), "200");
      await server.json(kind, "activate", name());
      await holdsAfterMs(() => client.check(token), "200");
      await holdsAfterMs(() => client.exchange(), "200");
    });
  }

  test("a key that is added while its user is in the view works, and the user's other key is unaffected", async () => {
    const username = users[0]?.username ?? "";
    const newPair = makeKeyPair();
    const newcomer = await connectClient(server.publicUrl, username, newPair.privateKey);
    assert.equal(codeOf(await newcomer.exchange()), "401 assertion_rejected");
    const keyId = await addPublicKey(server, username, newPair.publicPem);
    await holdsAfterMs(() => newcomer.exchange(), "200");
    const token = await newcomer.token();
    await server.json("key", "deactivate", String(keyId));
    await holdsAfterMs(() => newcomer.check(token), "403 key_deactivated");
    assert.equal(codeOf(await (clients[0] as ApiClient).check(tokens[0] ?? "")), "200");
    newcomer.connection.end();
  });

  test("a user that was looked up before it existed works once it exists", async () => {
    const early = await connectClient(server.publicUrl, "api-1-late", rsaKeyPair("api-1-late").privateKey);
    assert.equal(codeOf(await early.exchange()), "401 assertion_rejected");
    const account = await server.json<{ id: number; shortname: string }[]>("account", "list");
    const { username } = await createUser(server, account[0]?.shortname ?? "", "late");
    assert.equal(username, "api-1-late");
    await holdsAfterMs(() => early.exchange(), "200");
    early.connection.end();
  });

  test("revoking is permanent: the key can't be activated again, nor added again anywhere", async () => {
    const [client] = clients as [ApiClient];
    const keyId = String(users[0]?.keyId);
    const revoked = await server.json<{ status: string }>("key", "revoke", "--yes", keyId);
    assert.equal(revoked.status, "revoked");
    await holdsAfterMs(() => client.check(tokens[0] ?? ""), "403 key_deactivated");
    for (const verb of ["activate", "deactivate"]) {
      const { status, stdout, stderr } = await server.cli("key", verb, keyId, "--json");
      assert.equal(status, 1);
      assert.equal((JSON.parse(stdout) as { error: { code: string } }).error.code, "conflict");
      assert.match(stderr, /^countersign: Key \d+ is revoked, and revoking can't be undone\. .*\n$/);
    }
    const fresh = await server.json<{ username: string }>("user", "create", "fresh", "--account", "acme");
    const { publicPem } = rsaKeyPair(users[0]?.username ?? "");
    for (const username of [users[0]?.username ?? "", fresh.username]) {
      const { status, stderr } = await server.cliWithInput(publicPem, "key", "add", username, "-");
      assert.equal(status, 1);
      assert.match(stderr, /revoked/);
    }
    assert.equal(codeOf(await client.exchange()), "403 key_deactivated");
    assert.equal(codeOf(await client.check(tokens[0] ?? "")), "403 key_deactivated");
  });
});

describe("processes that are killed or stopped", { concurrency: true }, () => {
  test("acknowledged changes survive kill -9 of the server and of the CLI, and the audit chain verifies", async () => {
    const dataDir = temporaryFolder();
    let server = await startServer({ dataDir });
    await server.json("account", "create", "acme");
    const user = await createUser(server, "acme", "demo");
    const names: string[] = [];
    for (let round = 0; round < 10; round++) {
      const isOn = round % 2 === 1;
      // Each command is killed as soon as it has reported success, and the server meanwhile.
      await Promise.all([
        killOnceAcknowledged(dataDir, "key", isOn ? "activate" : "deactivate", String(user.keyId)),
        killOnceAcknowledged(dataDir, "user", "create", `round-${round}`, "--account", "acme"),
        server.kill(),
      ]);
      names.push(`api-1-round-${round}`);
      const [restarted, verified, listed] = await Promise.all([
        startServer({ dataDir }),
        server.cli("audit", "verify", "--json"),
        server.json<{ username: string }[]>("user", "list"),
      ]);
      server = restarted;
      assert.equal(verified.status, 0, verified.stdout);
      assert.deepEqual(
        listed.map(({ username }) => username).filter((name) => name !== user.username),
        names,
      );
      const client = await connectClient(server.publicUrl, user.username, rsaKeyPair(user.username).privateKey);
      assert.equal(codeOf(await client.exchange()), isOn ? "200" : "403 key_deactivated");
      client.connection.end();
    }
    const events = await server.json<{ action: string }[]>("audit", "list", "--limit", "1000");
    const count = (action: string) => events.filter((event) => event.action === action).length;
    assert.deepEqual(
      ["account.created", "user.created", "key.added", "key.deactivated", "key.activated"].map(count),
      [1, 11, 1, 5, 5],
    );
    await server.stop();
  });

  test("kill -9 of the CLI at any moment leaves a change complete or undone, never without its audit event", async () => {
    const server = await startServer();
    await server.json("account", "create", "acme");
    for (let round = 0; round < 12; round++) {
      const child = startCli(server.dataDir, "user", "create", `n${round}`, "--account", "acme");
      const ended = once(child, "exit");
      // Not a wait for something: the moment of the kill is the experiment.
      await wait(100 + round * 25);
      child.kill("SIGKILL");
      await ended;
    }
    const [listed, events, verified] = await Promise.all([
      server.json<{ username: string }[]>("user", "list"),
      server.json<{ action: string; details: { username?: string } }[]>("audit", "list", "--limit", "1000"),
      server.json<{ ok: boolean }>("audit", "verify"),
    ]);
    const created = events.filter(({ action }) => action === "user.created").map(({ details }) => details.username);
    assert.deepEqual(
      created,
      listed.map(({ username }) => username),
    );
    assert.equal(verified.ok, true);
    await server.stop();
  });

  test("a server that was stopped for longer than the staleness bound gives no stale yes when it continues", async () => {
    const server = await startServer();
    await Promise.all(["acme", "closed"].map((account) => server.json("account", "create", account)));
    const [keyOff, userOff, accountOff, on] = await Promise.all([
      createUser(server, "acme", "key-off"),
      createUser(server, "acme", "user-off"),
      createUser(server, "closed", "account-off"),
      createUser(server, "acme", "on"),
    ]);
    const cases = await Promise.all(
      [keyOff, userOff, accountOff, on].map(async ({ username }) => {
        const checking = await connectClient(server.publicUrl, username, rsaKeyPair(username).privateKey);
        const exchanging = await connectClient(server.publicUrl, username, rsaKeyPair(username).privateKey);
        const token = await checking.token();
        assert.equal((await checking.check(token)).status, 200);
        assert.equal((await exchanging.exchange()).status, 200);
        return { checking, exchanging, token };
      }),
    );
    process.kill(server.pid, "SIGSTOP");
    const stoppedAtMs = performance.now();
    try {
      await Promise.all([
        server.json("key", "deactivate", String(keyOff.keyId)),
        server.json("user", "deactivate", userOff.username),
        server.json("account", "deactivate", "closed"),
      ]);
      // There is no condition to wait for: the bound has to pass.
      await wait(Math.max(0, stoppedAtMs + STALENESS_MS_MAX + 200 - performance.now()));
      // These requests wait in the socket and are the first that the server reads.
      for (const { checking, exchanging, token } of cases) {
        checking.connection.write(checking.checkBytes(token));
        exchanging.connection.write(exchanging.exchangeBytes());
      }
    } finally {
      process.kill(server.pid, "SIGCONT");
    }
    const first = await Promise.all(
      cases.map(async ({ checking, exchanging }) => [
        codeOf(await checking.connection.answer()),
        codeOf(await exchanging.connection.answer()),
      ]),
    );
    assert.deepEqual(first, [
      ["403 key_deactivated", "403 key_deactivated"],
      ["403 user_deactivated", "403 user_deactivated"],
      ["403 account_deactivated", "403 account_deactivated"],
      ["200", "200"],
    ]);
    for (const { checking, exchanging } of cases) {
      checking.connection.end();
      exchanging.connection.end();
    }
    await server.stop();
  });

  test("a server that was stopped in the middle of its work gives no stale yes to requests that it had already read", async () => {
    const server = await startServer();
    await server.json("account", "create", "acme");
    const { username, keyId } = await createUser(server, "acme", "demo");
    const clients = await Promise.all(
      Array.from({ length: 200 }, () => connectClient(server.publicUrl, username, rsaKeyPair(username).privateKey)),
    );
    const [first] = clients as [ApiClient];
    const token = await first.token();
    const requestsEach = 20;
    const total = clients.length * requestsEach;
    /** The number of answers, including the first, once no more arrive. */
    const countAnswered = async (): Promise<number> => {
      let answered = 0;
      for (let looks = 0; looks < 10; looks++) {
        const received = clients.map(({ connection }) => connection.received().split("HTTP/1.1 200 ").length - 1);
        const now = 1 + received.reduce((sum, count) => sum + count);
        if (now !== answered) looks = 0;
        answered = now;
        await wait(20);
      }
      return answered;
    };
    let before = total;
    let stoppedAtMs = 0;
    for (let tries = 0; before === total; tries++) {
      assert.ok(tries < 50, "it could be stopped in the middle of its work");
      for (const client of clients) client.connection.write(client.checkBytes(token).repeat(requestsEach));
      assert.equal((await first.connection.answer()).status, 200);
      // It is working on the others now, and its timers run only after them.
      process.kill(server.pid, "SIGSTOP");
      stoppedAtMs = performance.now();
      before = await countAnswered();
      if (before < total) break;
      // This process was too slow.
      process.kill(server.pid, "SIGCONT");
      for (const { connection } of clients) {
        for (let at = connection === first.connection ? 1 : 0; at < requestsEach; at++) await connection.answer();
      }
    }
    try {
      await server.json("key", "deactivate", String(keyId));
      await wait(Math.max(0, stoppedAtMs + STALENESS_MS_MAX + 200 - performance.now()));
    } finally {
      process.kill(server.pid, "SIGCONT");
    }
    let yes = 1;
    for (const { connection } of clients) {
      for (let at = connection === first.connection ? 1 : 0; at < requestsEach; at++) {
        const { status } = await connection.answer();
        // If the command above took long, a half-read request may have waited too long.
        if (status === 408) break;
        assert.ok(status === 200 || status === 403, String(status));
        if (status === 200) yes++;
      }
      connection.end();
    }
    // Answers of the batch in which it was stopped may have been decided before, and only written after.
    const stale = yes - before;
    assert.ok(stale <= requestsEach, `${stale} of ${total - before} answers after the stop were a stale yes`);
    await server.stop();
  });
});

function startCli(dataDir: string, ...args: string[]) {
  const child = spawn(process.execPath, [COUNTERSIGN, ...args], {
    env: environment({ COUNTERSIGN_DATA_DIR: dataDir }),
    stdio: ["ignore", "pipe", "pipe"],
  });
  endWithThisProcess(child);
  return child;
}

/** Runs a command, and kills it at its first output. */
async function killOnceAcknowledged(dataDir: string, ...args: string[]): Promise<void> {
  const child = startCli(dataDir, ...args);
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  let isAcknowledged = false;
  child.stdout.once("data", () => {
    isAcknowledged = true;
    child.kill("SIGKILL");
  });
  await once(child, "close");
  assert.ok(isAcknowledged, `countersign ${args.join(" ")} said nothing; standard error: ${stderr}`);
}
