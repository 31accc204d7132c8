/**
 * Webhooks of real servers: what a receiver gets while servers are killed at any moment, and while several share a store.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, test } from "node:test";
import { ADMIN } from "../testkit/admin-client.ts";
import { eventually } from "../testkit/eventually.ts";
import { startPostgres, type TestPostgres } from "../testkit/postgres.ts";
import { startServer, type TestServer } from "../testkit/server.ts";
import {
  isSignedWith,
  type Received,
  startWebhookReceiver,
  type WebhookReceiver,
} from "../testkit/webhook-receiver.ts";

const NETWORKS = { COUNTERSIGN_WEBHOOK_NETWORKS: "127.0.0.1" };

/** What the command line prints of an endpoint. */
interface Endpoint {
  readonly id: number;
  readonly secret: string;
}

let names = 0;
/** Makes so many events, each by the admin API of the next server. @returns the names of the accounts that they are about */
async function makeEvents(count: number, token: string, ...servers: readonly TestServer[]): Promise<readonly string[]> {
  const made = Array.from({ length: count }, () => `account-${++names}`);
  for (const [index, shortname] of made.entries()) {
    const server = servers[index % servers.length];
    const answer = await fetch(`${server?.adminUrl}${ADMIN}/accounts`, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: JSON.stringify({ shortname }),
    });
    assert.equal(answer.status, 201, await answer.text());
  }
  return made;
}

/** Each event once, in the order of the log; a repetition only right after the first time, and under the same id. */
function withoutRepetitions(messages: readonly Received[]): readonly string[] {
  const shown: string[] = [];
  let last: Received | undefined;
  for (const message of messages) {
    const isRepetition = message.data.seq === last?.data.seq;
    assert.equal(isRepetition, message.id === last?.id, "an event has one id, and an id one event");
    if (!isRepetition) shown.push(message.data.details.shortname);
    last = message;
  }
  return shown;
}

/** Lets another process deliver now, instead of when the lease of the one that was killed ends. */
function endLease({ dataDir }: TestServer): void {
  const database = new DatabaseSync(join(dataDir, "countersign.db"), { timeout: 10_000 });
  database.exec("update jobs set held_until_ms = 0");
  database.close();
}

describe("a server that is killed", { concurrency: false }, () => {
  test("between deliveries and in them loses no event, keeps their order, and repeats one at most", async () => {
    const receiver = await startWebhookReceiver();
    let server = await startServer({ env: NETWORKS });
    const { secret } = await server.json<Endpoint>("webhook", "create", receiver.url, "--events", "account.*");
    const { token } = await server.json<{ token: string }>("admin-token", "create", "maker", "--role", "owner");
    const expected: string[] = [];
    for (let round = 0; round < 6; round++) {
      // The kill hits it while the receiver has the request, after the answer, or while it waits for a retry.
      const killed = Promise.withResolvers<undefined>();
      const kill = () => {
        void server.kill().then(() => {
          killed.resolve(undefined);
        });
      };
      const before = receiver.messages.length;
      receiver.answerAlways((response) => {
        if (receiver.messages.length !== before + 2) response.writeHead(204).end();
        else if (round % 3 === 0) kill();
        else if (round % 3 === 1) response.writeHead(204).end(kill);
        else response.writeHead(503).end(kill);
      });
      expected.push(...(await makeEvents(2, token, server)));
      await killed.promise;
      receiver.answerAlways(undefined);
      server = await startServer({ dataDir: server.dataDir, env: NETWORKS });
      if (round > 0) endLease(server);
      expected.push(...(await makeEvents(1, token, server)));
      await eventually("everything has arrived", () => withoutRepetitions(receiver.messages).length >= expected.length);
    }
    assert.deepEqual(withoutRepetitions(receiver.messages), expected);
    assert.ok(receiver.messages.every((message) => isSignedWith(secret, message)));
    assert.ok(receiver.messages.length <= expected.length + 6, `${receiver.messages.length} messages`);
    await server.stop();
    await receiver.close();
  });
});

describe("two servers on one PostgreSQL", { concurrency: false }, () => {
  let postgres: TestPostgres;
  let receiver: WebhookReceiver;
  before(async () => {
    [postgres, receiver] = await Promise.all([startPostgres(), startWebhookReceiver()]);
  });
  after(async () => {
    await receiver.close();
    await postgres.stop();
  });

  test("deliver each event once and in order, by one of them, and by the other when that one is killed", async () => {
    const env = {
      ...NETWORKS,
      COUNTERSIGN_DATABASE_URL: await postgres.createDatabase(),
      COUNTERSIGN_MASTER_SECRET: randomBytes(32).toString("base64"),
    };
    const servers = [await startServer({ env }), await startServer({ env })];
    const [first] = servers as [TestServer];
    const { id, secret } = await first.json<Endpoint>("webhook", "create", receiver.url, "--events", "account.*");
    const { token } = await first.json<{ token: string }>("admin-token", "create", "maker", "--role", "owner");
    const expected = [...(await makeEvents(30, token, ...servers))];
    await receiver.waitFor(30);
    assert.deepEqual(
      receiver.messages.map(({ data }) => data.details.shortname),
      expected,
    );
    // An attempt is counted once it is recorded, a moment after the receiver has it.
    const attempts = await eventually("30 attempts are counted", async () => {
      const counted = await Promise.all(servers.map(attemptsOf));
      return counted.reduce((sum, each) => sum + each, 0) >= 30 && counted;
    });
    assert.deepEqual(
      attempts.toSorted((a, b) => a - b),
      [0, 30],
      "one of them delivered",
    );
    const deliverer = servers[attempts.indexOf(30)] ?? assert.fail();
    const other = servers[attempts.indexOf(0)] ?? assert.fail();
    await deliverer.kill();
    expected.push(...(await makeEvents(5, token, other)));
    await receiver.waitFor(35);
    assert.deepEqual(withoutRepetitions(receiver.messages), expected);
    assert.ok(receiver.messages.every((message) => isSignedWith(secret, message)));

    // What the delivering server signs with after a rotation by the command line, another process.
    const rotated = await other.json<Endpoint>("webhook", "rotate", String(id));
    await makeEvents(1, token, other);
    const message = (await receiver.waitFor(36)).at(-1) ?? assert.fail();
    assert.ok(isSignedWith(secret, message) && isSignedWith(rotated.secret, message));
    await other.stop();
  });
});

/** How many attempts a server's metrics count. */
async function attemptsOf({ adminUrl }: TestServer): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  return Number(/^countersign_webhook_attempts_total\{outcome="delivered"\} (\d+)$/m.exec(text)?.[1] ?? 0);
}
