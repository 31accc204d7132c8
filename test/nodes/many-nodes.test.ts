/**
 * Three nodes of two workers each on one PostgreSQL, alone and behind real load balancers: a change made on one of them
 * takes effect on all.
 *
 * Times are printed, not asserted: a shared machine may be late. Only the answers are asserted.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { connectClient } from "../testkit/api-client.ts";
import { monotonicMs } from "../testkit/companion.ts";
import { eventually } from "../testkit/eventually.ts";
import {
  type Answer,
  checkBytes,
  describeJudgement,
  type Judgement,
  judge,
  openSubject,
  startTraffic,
  type Subject,
  type Target,
} from "../testkit/judge.ts";
import {
  BALANCERS,
  connectWorkers,
  findWorker,
  reservePorts,
  type Node,
  openSite,
  pauseWorkers,
  type Site,
  type SiteUser,
  startBalancer,
  type WorkerClient,
} from "../testkit/nodes.ts";
import { revocationBytes } from "../testkit/nodes-oauth.ts";
import { startPostgres, type TestPostgres } from "../testkit/postgres.ts";
import { childrenOf } from "../testkit/processes.ts";
import { connectRaw } from "../../packages/server/src/testing/raw-http.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import { STALENESS_MS_MAX } from "../testkit/truth.ts";

const WORKERS = 2;

/** The log level of each node. The log says which worker refused a request. */
const EACH = { workers: WORKERS, logLevel: "debug" } as const;

const ROUNDS = 100;

/** Connections of the traffic to each node and balancer. */
const CONNECTIONS = 4;

/** The pause between two requests of one connection, so that the traffic doesn't overload the machine. */
const ASK_MS = 2;

const missing = await Promise.all(BALANCERS.map(findMissing));

describe("three nodes of two workers on one PostgreSQL", { concurrency: 1 }, () => {
  let postgres: TestPostgres;
  let site: Site;
  let nodes: Node[];
  let user: SiteUser;
  let workers: readonly WorkerClient[];
  const balancers: Target[] = [];
  /** The ports of a node that starts later; the balancers know them already. */
  let portsOfFourth: Pick<Node, "port" | "adminPort">;

  before(async () => {
    postgres = await startPostgres();
    site = await openSite(await postgres.createDatabase());
    // All at once, on a store without a signing key: one of six processes makes it.
    nodes = await Promise.all(["a", "b", "c"].map((name) => site.startNode({ name, ...EACH })));
    user = await site.createUser("demo");
    workers = (await Promise.all(nodes.map((node) => connectWorkers(node, WORKERS, user)))).flat();
    portsOfFourth = await reservePorts();
    for (const [at, balancer] of BALANCERS.entries()) {
      if (missing[at] !== undefined) continue;
      balancers.push({ name: balancer.name, url: await startBalancer(balancer, [...nodes, portsOfFourth]) });
    }
  });

  after(async () => {
    for (const { connection } of workers) connection.end();
    await Promise.all(nodes.map(({ server }) => server.stop()));
    await site?.operator.stop();
    await postgres.stop();
  });

  const keyIs = (standing: "active" | "deactivated") => site.operator.call("setKeyStanding", user.keyId, standing);
  const cli = async (...args: string[]) => (nodes[0] as Node).server.json<{ number: number }>(...args);

  /** Two users that no test changes: the only right answer for them is a yes. */
  const openSubjects = async (name: string): Promise<readonly Subject[]> =>
    Promise.all(
      ["one", "two"].map(async (which) => openSubject(await site.createUser(`${name}-${which}`), nodes[0]?.url ?? "")),
    );

  /** Runs `work` while requests go to all of these targets, and returns the judged answers. */
  async function underTraffic(
    targets: readonly Target[],
    name: string,
    work: (traffic: ReturnType<typeof startTraffic>) => Promise<void>,
  ): Promise<Judgement> {
    const subjects = await openSubjects(name);
    const traffic = startTraffic(targets, subjects, { connections: CONNECTIONS, paceMs: 10, exchangeEvery: 5 });
    try {
      const goesOn = (sinceMs: number) =>
        eventually("there is traffic", () => targets.every((target) => traffic.decidedInRow(target, sinceMs) > 20));
      await goesOn(0);
      await work(traffic);
      await goesOn(monotonicMs());
    } finally {
      await traffic.stop();
    }
    return judge(traffic.answers);
  }

  test("a token from any worker is valid on every worker", async () => {
    assert.equal(new Set(workers.map(({ worker }) => worker)).size, 3 * WORKERS);
    for (const minting of workers) {
      const token = await minting.token();
      const answers = await Promise.all(workers.map((worker) => worker.check(token)));
      assert.deepEqual(
        answers.map(({ status }) => status),
        workers.map(() => 200),
      );
    }
    for (const client of workers) {
      const refusal = await client.check("no token");
      assert.equal(await findWorker([client.node], refusal), client.worker, "it is still the same worker's connection");
    }
  });

  test("a deactivated key is refused by every worker", async (t) => {
    const latenciesMs: number[] = [];
    const worstOfRounds: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const minting = workers[round % workers.length] as WorkerClient;
      const token = await minting.token();
      await allAnswer(workers, token, 200);
      const acknowledged = { atMs: Infinity };
      const asking = workers.map((worker) => firstRefusalMs(worker, token, acknowledged));
      const { endedMs } = await keyIs("deactivated");
      acknowledged.atMs = endedMs;
      const refusedMs = (await Promise.all(asking)).map((atMs) => Math.max(0, atMs - endedMs));
      latenciesMs.push(...refusedMs);
      worstOfRounds.push(Math.max(...refusedMs));
      await allAnswer(workers, token, 403);
      await keyIs("active");
      await eventually("an active key's token is valid again", () => allGood(workers, token));
    }
    t.diagnostic(`first refusal by each of 6 workers after the acknowledgement: ${spread(latenciesMs)}`);
    t.diagnostic(`by the last of them: ${spread(worstOfRounds)} rounds`);
  });

  test("a token revoked on one worker is refused there at once, and soon by every other", async (t) => {
    const latenciesMs: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const [revoking, ...others] = [...workers.slice(round % 6), ...workers.slice(0, round % 6)];
      assert.ok(revoking);
      const token = await revoking.token();
      await allAnswer(workers, token, 200);
      const acknowledged = { atMs: Infinity };
      const asking = others.map((worker) => firstRefusalMs(worker, token, acknowledged));
      revoking.connection.write(revocationBytes(user, token));
      const { status, body } = await revoking.connection.answer();
      acknowledged.atMs = monotonicMs();
      assert.equal(status, 200, `${body} ${logged(revoking.node)}`);
      assert.equal((await revoking.check(token)).status, 403);
      latenciesMs.push(...(await Promise.all(asking)).map((atMs) => Math.max(0, atMs - acknowledged.atMs)));
      await allAnswer(workers, token, 403);
    }
    t.diagnostic(`first refusal by each of the 5 others after the acknowledgement: ${spread(latenciesMs)}`);
  });

  for (const [at, balancer] of BALANCERS.entries()) {
    const reason = missing[at];
    if (reason !== undefined && IS_CI) {
      test(`behind ${balancer.name}`, () => assert.fail(reason));
      continue;
    }
    test(`behind ${balancer.name}: every worker answers, and refuses a deactivated key`, {
      skip: reason ?? false,
    }, async (t) => {
      const target = balancers.find(({ name }) => name === balancer.name);
      assert.ok(target);
      const clients = await Promise.all(
        Array.from({ length: 24 }, () => connectClient(target.url, user.username, user.pair.privateKey)),
      );
      const token = await (clients[0] as WorkerClient).token();
      const answers = await Promise.all(clients.map((client) => client.check(token)));
      for (const answer of answers) assert.equal(answer.status, 200, answer.body);
      const answering = new Set<string>();
      const ask = async (client: Pick<WorkerClient, "check">) => {
        answering.add(await findWorker(nodes, await client.check("no token")));
      };
      await Promise.all(clients.map(ask));
      for (const { node, worker } of workers.filter((one) => !answering.has(one.worker))) {
        const resume = pauseWorkers(workers.filter((other) => other.node === node && other.worker !== worker));
        // More than the balancer keeps open to each node.
        const more = await Promise.all(
          Array.from({ length: 48 }, () => connectClient(target.url, user.username, user.pair.privateKey)),
        );
        const asked = Promise.all(more.map(ask));
        await eventually(`${worker} has answered`, () => answering.has(worker));
        resume();
        await asked;
        for (const { connection } of more) connection.end();
      }
      const latenciesMs: number[] = [];
      for (let round = 0; round < 10; round++) {
        const acknowledged = { atMs: Infinity };
        const asking = clients.map((client) => firstRefusalMs(client, token, acknowledged));
        const { endedMs } = await keyIs("deactivated");
        acknowledged.atMs = endedMs;
        latenciesMs.push(...(await Promise.all(asking)).map((atMs) => Math.max(0, atMs - endedMs)));
        await eventually("it is refused by all", () => allRefuse(clients, token));
        const exchange = await (clients[round] as WorkerClient).exchange();
        assert.equal(exchange.status, 403, exchange.body);
        await keyIs("active");
        await eventually("an active key's token is valid again", () => allGood(clients, token));
      }
      t.diagnostic(`first refusal on each of 24 connections after the acknowledgement: ${spread(latenciesMs)}`);
      for (const { connection } of clients) connection.end();
    });
  }

  test("rotating a signing key under traffic refuses no request; retiring the old key ends its tokens on every node", async (t) => {
    const oldToken = await (workers[0] as WorkerClient).token();
    const numberOf = (token: string) => Number(token.split(".")[0]);
    let rotateMs = 0;
    let newNumber = 0;
    const judgement = await underTraffic([...nodes, ...balancers], "rotate", async () => {
      const beganMs = monotonicMs();
      ({ number: newNumber } = await cli("signing-key", "rotate"));
      rotateMs = monotonicMs() - beganMs;
      for (const worker of workers) {
        const token = await eventually("it signs everywhere", async () => {
          const minted = await worker.token();
          return numberOf(minted) === newNumber ? minted : undefined;
        });
        await allAnswer(workers, token, 200);
      }
    });
    assertFlawless(judgement);
    t.diagnostic(`rotate took ${rotateMs.toFixed(0)} ms; ${describeJudgement(judgement)}`);

    const newToken = await (workers[1] as WorkerClient).token();
    const oldNumber = numberOf(oldToken);
    assert.notEqual(oldNumber, newNumber);
    await allAnswer(workers, oldToken, 200);
    const acknowledged = { atMs: Infinity };
    const asking = workers.map((worker) => firstRefusalMs(worker, oldToken, acknowledged, 401));
    await cli("signing-key", "retire", "--yes", String(oldNumber));
    acknowledged.atMs = monotonicMs();
    await Promise.all(asking);
    await allAnswer(workers, oldToken, 401);
    await allAnswer(workers, newToken, 200);
  });

  test("a node joins and one stops under traffic behind the balancers, and no request is lost or refused", async (t) => {
    const [leaving] = nodes;
    assert.ok(leaving);
    const judgement = await underTraffic([...nodes.slice(1), ...balancers], "join", async (traffic) => {
      const joined = await site.startNode({ name: "d", ...EACH, ports: portsOfFourth });
      nodes.push(joined);
      const joining = await connectWorkers(joined, WORKERS, user);
      for (const target of balancers) await reach(target, nodes, joining);
      workers = [...workers, ...joining];
      traffic.addTarget(joined);
      const exit = await leaving.server.stop();
      assert.deepEqual(exit, { status: 0, signal: null });
    });
    nodes.shift();
    for (const { node, connection } of workers) if (node === leaving) connection.end();
    workers = workers.filter(({ node }) => node !== leaving);
    assertFlawless(judgement);
    t.diagnostic(describeJudgement(judgement));
  });

  test("a node's metrics are the sum over its workers", async () => {
    const [node] = nodes;
    assert.ok(node);
    const own = workers.filter((worker) => worker.node === node);
    assert.equal(own.length, WORKERS);
    const before = { active: await activeTokens(node), issued: await figure(node, "countersign_tokens_issued_total") };
    const token = await (own[0] as WorkerClient).token();
    for (const [at, worker] of own.entries()) for (let count = 0; count <= at * 10; count++) await worker.check(token);
    for (let look = 0; look < 4; look++) {
      assert.equal(await activeTokens(node), before.active + 1 + 11, "from whichever worker");
      assert.equal(await figure(node, "countersign_tokens_issued_total"), before.issued + 1);
    }
    assert.equal(await figure(node, "countersign_view_fresh"), 1);
  });

  test("usage adds up over nodes and workers", async (t) => {
    const counted = await site.createUser("counted");
    let minted = 0;
    for (const [at, node] of nodes.entries()) {
      const clients = await connectWorkers(node, WORKERS, counted);
      for (const client of clients) {
        for (let count = 0; count <= at; count++) {
          await client.token();
          minted++;
        }
        client.connection.end();
      }
    }
    const tokens = () => site.operator.call("tokensOfKey", counted.keyId);
    const beganMs = monotonicMs();
    await eventually("all are counted", async () => (await tokens()) >= minted);
    assert.equal(await tokens(), minted);
    t.diagnostic(`${minted} tokens counted ${(monotonicMs() - beganMs).toFixed(0)} ms after the last one`);
  });

  test("a killed worker is replaced under traffic, and no client is refused meanwhile", async (t) => {
    const [node] = nodes;
    assert.ok(node);
    const [killed = 0] = childrenOf(node.server.pid);
    let replacedMs = 0;
    const judgement = await underTraffic([...nodes, ...balancers], "killed", async () => {
      const before = new Set(childrenOf(node.server.pid));
      const beganMs = monotonicMs();
      process.kill(killed, "SIGKILL");
      await eventually("there is another worker", () => childrenOf(node.server.pid).some((pid) => !before.has(pid)));
      const known = new Set(workers.map(({ worker }) => worker));
      const found = await eventually("the other worker answers", async () => {
        const own = await connectWorkers(node, WORKERS, user).catch(() => undefined);
        return own?.find(({ worker }) => !known.has(worker));
      });
      replacedMs = monotonicMs() - beganMs;
      const token = await found.token();
      assert.equal((await found.check(token)).status, 200);
    });
    assert.deepEqual(judgement.unexpected, []);
    assert.equal(judgement.no, 0);
    assert.equal(judgement.unavailable, 0, describeJudgement(judgement));
    // The connections of the killed worker are cut off, in the worst case each with a request on it.
    assert.ok(judgement.unanswered <= CONNECTIONS, describeJudgement(judgement));
    t.diagnostic(`another worker answered after ${replacedMs.toFixed(0)} ms; ${describeJudgement(judgement)}`);
    const { stdout, status } = await node.server.cli("audit", "verify");
    assert.equal(status, 0, stdout);
  });
});

/**
 * Asks until the token is refused with this status.
 *
 * @param acknowledged the time at which the change was acknowledged, once it is known
 * @returns the time of that answer
 */
async function firstRefusalMs(
  client: Pick<WorkerClient, "check">,
  token: string,
  acknowledged: { readonly atMs: number },
  refusal = 403,
): Promise<number> {
  for (;;) {
    const beganMs = monotonicMs();
    const { status } = await client.check(token);
    if (status === refusal) return monotonicMs();
    assert.equal(status, 200);
    assert.ok(beganMs - acknowledged.atMs <= STALENESS_MS_MAX, "a yes past the staleness bound");
    await wait(ASK_MS);
  }
}

async function allAnswer(clients: readonly Pick<WorkerClient, "check">[], token: string, status: number) {
  const answers = await Promise.all(clients.map((client) => client.check(token)));
  assert.deepEqual(
    answers.map((answer) => answer.status),
    clients.map(() => status),
  );
}

const everyOne = (wanted: number) => async (clients: readonly Pick<WorkerClient, "check">[], token: string) => {
  const answers = await Promise.all(clients.map((client) => client.check(token)));
  return answers.every(({ status }) => status === wanted) ? true : undefined;
};
const allGood = everyOne(200);
const allRefuse = everyOne(403);

/** The failures in a node's log. */
function logged({ server }: Node): string {
  return server
    .stderr()
    .split("\n")
    .filter((line) => /"level":(50|60|"error")/.test(line))
    .join("\n");
}

/** The value of a counter or gauge without labels in a node's metrics. */
async function figure({ adminUrl }: Node, name: string): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  const [, value] = new RegExp(`^${name} ([0-9.]+)$`, "m").exec(text) ?? [];
  assert.ok(value, `${name} is missing`);
  return Number(value);
}

const activeTokens = (node: Node) => figure(node, "countersign_tokens_active_total");

/** Waits until one of these workers answers at the target. */
async function reach(target: Target, nodes: readonly Node[], workers: readonly WorkerClient[]): Promise<void> {
  const wanted = new Set(workers.map(({ worker }) => worker));
  await eventually(`${target.name} leads to the new node`, async () => {
    const connection = await connectRaw(target.url);
    connection.write(checkBytes("no token"));
    const answer = await connection.answer();
    connection.end();
    return wanted.has(await findWorker(nodes, answer));
  });
}

function assertFlawless(judgement: Judgement): void {
  const { answers, yes, unexpected } = judgement;
  assert.deepEqual(unexpected.map(plain), []);
  assert.equal(yes, answers, describeJudgement(judgement));
}

function plain({ target, kind, status, beganMs }: Answer): string {
  return `${target} ${kind} ${status} at ${beganMs.toFixed(0)}`;
}

function spread(valuesMs: readonly number[]): string {
  const sorted = valuesMs.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  return `median ${median.toFixed(1)} ms, worst ${(sorted.at(-1) ?? 0).toFixed(1)} ms of ${sorted.length}`;
}
