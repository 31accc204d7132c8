/**
 * Faults under traffic: PostgreSQL crashes, hangs, loses its listeners and fails over; a node sleeps, and dies.
 *
 * Every answer is compared with what was acknowledged (test/testkit/judge.ts). In every case: no yes is stale for
 * longer than the bound, no acknowledged change is lost, the audit chain verifies, no entitled client is refused, and
 * the service recovers by itself.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test, type TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { monotonicMs } from "../testkit/companion.ts";
import { eventually } from "../testkit/eventually.ts";
import {
  type Answer,
  change,
  changeAtLast,
  checkBytes,
  countLost,
  describeJudgement,
  exchangeBytes,
  type Judgement,
  judge,
  openSubject,
  recoveredAfterMs,
  startChanging,
  startTraffic,
  type Subject,
  tokenOf,
  type Traffic,
} from "../testkit/judge.ts";
import { type Node, openSite, type Site, type SiteUser } from "../testkit/nodes.ts";
import { grantBytes, revocationBytes, signGrant } from "../testkit/nodes-oauth.ts";
import {
  crash,
  cutListeners,
  listenerPids,
  pausePostgres,
  type Relay,
  startPostgres,
  startRelay,
  startStandby,
  type TestPostgres,
} from "../testkit/postgres.ts";
import { pauseProcesses } from "../testkit/processes.ts";
import { connectRaw, type RawAnswer, type RawConnection } from "../../packages/server/src/testing/raw-http.ts";

/** The length of the pauses that the service has to survive. */
const PAUSE_MS = 15_000;

/** Longer than the bound past which no node may answer from memory (docs/wire.md, Revocation). */
const DOWN_MS = 6000;

/** The time between two changes of a key, longer than a change takes to take effect. */
const REST_MS = 250;

/** Only keeps a broken test from hanging: the service recovers within seconds. */
const RECOVERS_WITHIN_MS = 120_000;

/** How many wrong answers a failed test shows. */
const SHOWN_MAX = 5;

/** A fault, and the users whose state matters meanwhile. */
interface Scene {
  readonly traffic: Traffic;
  /** Only the fault changes this user's key. */
  readonly edge: Subject;
}

/** Three nodes on one store, for faults of the store or of a node. */
interface Stage {
  readonly site: Site;
  readonly nodes: Node[];
  /** The users whose requests make the traffic. */
  readonly subjects: readonly Subject[];
  /**
   * Runs a fault under traffic, waits until everything is answered again, and judges all answers.
   *
   * @param fault resolves with the time at which it ended; the service has to recover by itself from then on
   */
  run(t: TestContext, fault: (scene: Scene) => Promise<number>): Promise<void>;
  close(): Promise<void>;
}

async function openStage(databaseUrl: string): Promise<Stage> {
  const site = await openSite(databaseUrl);
  const nodes = await Promise.all(["a", "b", "c"].map((name) => site.startNode({ name })));
  const open = async (name: string) => openSubject(await site.createUser(name), nodes[0]?.url ?? "");
  const steady = [await open("steady-1"), await open("steady-2")];
  const changing = [await open("changing-1"), await open("changing-2")];
  const edge = await open("edge");
  const subjects = [...steady, ...changing, edge];
  const { operator } = site;
  return {
    site,
    nodes,
    subjects,
    async run(t, fault) {
      await changeAtLast(operator, edge, "active");
      const beganMs = monotonicMs();
      const traffic = startTraffic(nodes, subjects, { connections: 4, paceMs: 10, exchangeEvery: 5 });
      const decides = (sinceMs: number) => () =>
        nodes.every((node) => traffic.decidedInRow(node, sinceMs) > 50) ? true : undefined;
      const changes = startChanging(operator, changing, REST_MS);
      const isChanging = (more: number) => () => (changes.acknowledged() > more ? true : undefined);
      let recoveredMs: number;
      try {
        await eventually("there is traffic", decides(beganMs));
        await eventually("there are changes", isChanging(4));
        const overMs = await fault({ traffic, edge });
        await eventually("everything is answered again", decides(overMs), RECOVERS_WITHIN_MS);
        recoveredMs = recoveredAfterMs(traffic.answers, overMs);
        await changeAtLast(operator, edge, "active");
        await eventually("changes are made again", isChanging(changes.acknowledged() + 4), RECOVERS_WITHIN_MS);
      } finally {
        await changes.stop();
        await traffic.stop();
      }
      const judgement = judge(traffic.answers);
      const lost = await countLost(operator, subjects);
      const { server } = nodes[0] as Node;
      const { status, stdout } = await server.cli("audit", "verify");
      const made = subjects.flatMap(({ attempts }) => attempts.filter((attempt) => attempt.beganMs >= beganMs));
      const failed = made.filter(({ failure }) => failure !== undefined).length;
      t.diagnostic(describeJudgement(judgement));
      t.diagnostic(
        `recovered ${recoveredMs.toFixed(0)} ms after the fault; changes: ${made.length - failed} acknowledged, ${failed} failed, ${lost} lost; audit chain ${stdout.trim()}`,
      );
      assertJudgement(judgement);
      assert.equal(lost, 0, "acknowledged changes that the store doesn't have");
      assert.equal(status, 0, stdout);
    },
    async close() {
      await Promise.all(nodes.map(({ server }) => server.stop()));
      await operator.stop();
    },
  };
}

function assertJudgement(judgement: Judgement): void {
  const { staleYes, staleNo, unexpected } = judgement;
  assert.deepEqual(staleYes.slice(0, SHOWN_MAX).map(plain), [], "a yes to a key that was deactivated over 5 s ago");
  assert.deepEqual(staleNo.slice(0, SHOWN_MAX).map(plain), [], "a no to an active key");
  assert.deepEqual(
    unexpected.slice(0, SHOWN_MAX).map(plain),
    [],
    "an answer that is neither a yes nor a no nor unavailable",
  );
}

function plain({ target, subject, kind, status, beganMs, endedMs }: Answer): string {
  return `${target} ${subject.user.username} ${kind} ${status} ${beganMs.toFixed(0)} to ${endedMs.toFixed(0)}`;
}

describe("faults", { concurrency: 1 }, () => {
  let postgres: TestPostgres;
  let stage: Stage;
  /** Continues what a failed test left stopped. */
  let resume: () => void = () => undefined;

  before(async () => {
    postgres = await startPostgres();
    stage = await openStage(await postgres.createDatabase());
  });

  afterEach(() => {
    resume();
  });

  after(async () => {
    await stage?.close();
    await postgres?.stop();
  });

  test("PostgreSQL is killed right after it acknowledged, and restarted", async (t) => {
    await stage.run(t, async ({ edge }) => {
      // Without listeners at first, so that no node is notified of what is acknowledged last.
      resume = pauseProcesses(await listenerPids(postgres));
      await change(stage.site.operator, edge, "deactivated");
      await crash(postgres);
      await wait(DOWN_MS);
      const startedMs = monotonicMs();
      await postgres.start();
      return startedMs;
    });
  });

  /** After an earlier fault, a node may still be waiting before it listens again. */
  const everyNodeListens = () =>
    eventually("every node listens", async () => (await listenerPids(postgres)).length === stage.nodes.length);

  test("the listening connections are cut", async (t) => {
    await stage.run(t, async ({ edge }) => {
      const { operator } = stage.site;
      let overMs = 0;
      for (let round = 0; round < 10; round++) {
        await everyNodeListens();
        assert.ok((await cutListeners(postgres)) > 0, "there were listeners");
        overMs = monotonicMs();
        await change(operator, edge, "deactivated");
        await wait(REST_MS);
        await change(operator, edge, "active");
      }
      await everyNodeListens();
      return overMs;
    });
  });

  test("the listening connections hang", async (t) => {
    await stage.run(t, async ({ edge }) => {
      const { operator } = stage.site;
      await everyNodeListens();
      // A hanging connection looks the same as an idle one.
      resume = pauseProcesses(await listenerPids(postgres));
      for (let round = 0; round < 8; round++) {
        await change(operator, edge, round % 2 === 0 ? "deactivated" : "active");
        await wait(2 * REST_MS);
      }
      resume();
      return monotonicMs();
    });
  });

  test("PostgreSQL hangs for 15 s right after it acknowledged", async (t) => {
    await stage.run(t, async ({ edge }) => {
      await everyNodeListens();
      const deaf = pauseProcesses(await listenerPids(postgres));
      await change(stage.site.operator, edge, "deactivated");
      const wake = pausePostgres(postgres);
      resume = () => {
        wake();
        deaf();
      };
      await wait(PAUSE_MS);
      resume();
      return monotonicMs();
    });
  });

  test("a node sleeps for 15 s, and its first answers after waking are right", async (t) => {
    const { nodes, site, subjects } = stage;
    const [sleeper, awake] = nodes as [Node, Node];
    const steady = subjects[0] as Subject;
    const client = await site.createUser("client");
    await stage.run(t, async ({ traffic, edge }) => {
      const connections = await Promise.all(Array.from({ length: 60 }, () => connectRaw(sleeper.url)));
      for (const connection of connections) assert.equal((await ask(connection, checkBytes(steady.token))).status, 200);
      const oldToken = steady.token;
      resume = pauseProcesses([sleeper.server.pid]);
      const asleepMs = monotonicMs();
      // Its pending work stays pending.
      const cutOff = traffic.removeTarget(sleeper);
      await change(site.operator, edge, "deactivated");
      // Once the sleeping node no longer counts as live, a signing key that it doesn't know signs, and the old one is
      // retired.
      const { number } = await awake.server.json<{ number: number }>("signing-key", "rotate");
      const isNew = (token: string) => token.startsWith(`${number}.`);
      await eventually("all have new tokens", () =>
        subjects.every((subject) => subject === edge || isNew(subject.token)),
      );
      await awake.server.json("signing-key", "retire", "--yes", String(number - 1));
      const { token: doomed } = await openSubject(client, awake.url);
      const questions = [
        { kind: "check of what was deactivated", right: 401, bytes: () => checkBytes(edge.token) },
        { kind: "exchange of what was deactivated", right: 403, bytes: () => exchangeBytes(edge) },
        { kind: "check under a retired signing key", right: 401, bytes: () => checkBytes(oldToken) },
        { kind: "check under a new signing key", right: 200, bytes: () => checkBytes(steady.token) },
        { kind: "exchange", right: 200, bytes: () => exchangeBytes(steady) },
        { kind: "revocation", right: 200, bytes: () => revocationBytes(client, doomed) },
      ] as const;
      await wait(Math.max(0, asleepMs + PAUSE_MS - monotonicMs()));
      await cutOff;
      // These requests wait in the sockets and are the first that it reads.
      const asked = connections.map((connection, at) => {
        const question = questions[at % questions.length] as (typeof questions)[number];
        connection.write(question.bytes());
        return { connection, ...question };
      });
      const awakeMs = monotonicMs();
      resume();
      const first = await Promise.all(
        asked.map(async ({ connection, kind, right }) => ({ kind, right, answer: await connection.answer() })),
      );
      for (const { connection } of asked) connection.end();
      traffic.addTarget(sleeper);

      for (const { kind } of questions) {
        const own = first.filter((one) => one.kind === kind);
        const statuses = tally(own.map(({ answer }) => answer.status));
        t.diagnostic(`first answers after waking: ${kind}: ${statuses}`);
        assert.ok(
          own.every(({ answer, right }) => answer.status === right || answer.status === 503),
          `${kind}: ${statuses}`,
        );
      }
      const other = await connectRaw(awake.url);
      const isGood = async (token: string) => (await ask(other, checkBytes(token))).status === 200;
      const given = (kind: string) => first.filter((one) => one.kind === kind && one.answer.status === 200);
      for (const { answer } of given("exchange"))
        assert.ok(await isGood(tokenOf(answer.body)), "what it minted is valid");
      if (given("revocation").length > 0) {
        await eventually("what it revoked is dead", async () => !(await isGood(doomed)));
      }
      other.end();
      return awakeMs;
    });
  });

  test("a node is killed while OAuth clients make it write, and nothing that it acknowledged is lost", async (t) => {
    const { nodes, site } = stage;
    const client = await site.createUser("oauth");
    const log: Written = { grants: [], revocations: [] };
    await stage.run(t, async () => {
      let startedMs = 0;
      for (let round = 0; round < 3; round++) {
        const victim = nodes[0] as Node;
        const before = log.revocations.length;
        const writing = Array.from({ length: 6 }, () => writeUntilCut(victim, client, log));
        const isBusy = () => (log.revocations.length > before + 40 ? true : undefined);
        await eventually("it writes", isBusy);
        await victim.server.kill();
        await Promise.all(writing);
        const { name, port, adminPort } = victim;
        startedMs = monotonicMs();
        nodes[0] = await site.startNode({ name, ports: { port, adminPort } });
      }
      return startedMs;
    });
    await judgeWritten(t, nodes, log);
  });
});

describe("failover", { concurrency: 1 }, () => {
  let primary: TestPostgres;
  let standby: TestPostgres;
  let relay: Relay;
  let stage: Stage;

  before(async () => {
    primary = await startPostgres();
    const url = new URL(await primary.createDatabase());
    standby = await startStandby(primary);
    relay = await startRelay(primary.port);
    url.port = String(relay.port);
    stage = await openStage(url.href);
  });

  after(async () => {
    await stage?.close();
    await relay?.stop();
    await Promise.all([primary?.stop(), standby?.stop()]);
  });

  test("the primary is killed right after it acknowledged, and a synchronous standby is promoted", async (t) => {
    const { nodes, site } = stage;
    const client = await site.createUser("oauth");
    const log: Written = { grants: [], revocations: [] };
    await stage.run(t, async ({ edge }) => {
      const writing = nodes.map((node) => writeUntilCut(node, client, log));
      await eventually("they write", () => log.revocations.length > 60);
      pauseProcesses(await listenerPids(primary));
      await change(site.operator, edge, "deactivated");
      const killedMs = monotonicMs();
      await crash(primary);
      await standby.query("select pg_promote()");
      relay.switchTo(standby.port);
      const switchedMs = monotonicMs();
      t.diagnostic(`promoted and switched within ${(switchedMs - killedMs).toFixed(0)} ms`);
      await Promise.all(writing);
      return switchedMs;
    });
    await judgeWritten(t, nodes, log);
  });
});

async function ask(connection: RawConnection, bytes: string): Promise<RawAnswer> {
  connection.write(bytes);
  return connection.answer();
}

function tally(statuses: readonly number[] = []): string {
  const counts = Object.entries(Object.groupBy(statuses, String));
  return counts.map(([status, all = []]) => `${all.length} × ${status}`).join(", ");
}

/** What OAuth clients asked a node to write, and the status that it answered; 0 where it didn't answer. */
interface Written {
  readonly grants: { readonly assertion: string; readonly status: number; readonly token: string | undefined }[];
  readonly revocations: { readonly token: string; readonly status: number }[];
}

/** Mints tokens for new assertions and revokes every other one, until a request fails. */
async function writeUntilCut(node: Node, client: SiteUser, { grants, revocations }: Written): Promise<void> {
  const connection = await connectRaw(node.url);
  for (let count = 0; ; count++) {
    const assertion = signGrant(client);
    const grant = await ask(connection, grantBytes(assertion)).catch(() => undefined);
    const token = grant?.status === 200 ? (JSON.parse(grant.body) as { access_token: string }).access_token : undefined;
    grants.push({ assertion, status: grant?.status ?? 0, token });
    if (token === undefined) break;
    if (count % 2 === 0) continue;
    const revocation = await ask(connection, revocationBytes(client, token)).catch(() => undefined);
    revocations.push({ token, status: revocation?.status ?? 0 });
    if (revocation?.status !== 200) break;
  }
  connection.end();
}

/** Asks every node about everything that was written. */
async function judgeWritten(t: TestContext, nodes: readonly Node[], { grants, revocations }: Written): Promise<void> {
  const connections = await Promise.all(nodes.map(({ url }) => connectRaw(url)));
  const revoked = new Map(revocations.map(({ token, status }) => [token, status === 200]));
  const counts = { dead: 0, alive: 0, unknown: 0, replays: 0 };
  const wrong: string[] = [];
  for (const { token } of grants) {
    if (token === undefined) continue;
    const statuses = await Promise.all(
      connections.map(async (connection) => (await ask(connection, checkBytes(token))).status),
    );
    const isRevoked = revoked.get(token);
    // A revocation that wasn't acknowledged may have happened or not, but is the same on all nodes.
    const wanted = isRevoked === undefined ? 200 : isRevoked ? 403 : statuses[0];
    counts[isRevoked === undefined ? "alive" : isRevoked ? "dead" : "unknown"]++;
    if (statuses.some((status) => status !== wanted)) wrong.push(`revoked: ${isRevoked}: ${statuses.join(" ")}`);
  }
  for (const [at, { assertion, status }] of grants.entries()) {
    if (status !== 200) continue;
    counts.replays++;
    const replayed = await ask(connections[at % connections.length] as RawConnection, grantBytes(assertion));
    if (replayed.status !== 401) wrong.push(`a used assertion: ${replayed.status}`);
  }
  for (const connection of connections) connection.end();
  t.diagnostic(
    `tokens on ${nodes.length} nodes: ${counts.dead} whose revocation was acknowledged, ${counts.unknown} whose revocation wasn't, ${counts.alive} others; ${counts.replays} used assertions replayed; ${wrong.length} wrong`,
  );
  assert.deepEqual(wrong, []);
}
