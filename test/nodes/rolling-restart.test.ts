/**
 * Three nodes on one PostgreSQL behind nginx, exactly as docs/operations.md configures it, restarted one after the
 * other under load: every request gets the right answer.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { basic } from "../../packages/server/src/testing/test-http.ts";
import { monotonicMs } from "../testkit/companion.ts";
import { eventually } from "../testkit/eventually.ts";
import { startIntrospection } from "../testkit/introspecting-clients.ts";
import { describeJudgement, judge, openSubject, startTraffic, type Subject } from "../testkit/judge.ts";
import { BALANCERS, type Node, openSite, type Site, startBalancer } from "../testkit/nodes.ts";
import { startPostgres, type TestPostgres } from "../testkit/postgres.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";

const nginx = BALANCERS.find(({ name }) => name === "nginx") ?? assert.fail("there is no nginx among the balancers");
const missing = await findMissing(nginx);

/** How often every node is restarted. */
const ROUNDS = 2;

/**
 * Clients that send checks and exchanges, and as many that introspect; half of them use a connection for each request.
 */
const CLIENTS = 8;

/** How many answers there must be before the next node is restarted. */
const ANSWERS_BETWEEN = 50;

if (missing !== undefined && IS_CI) test("nginx", () => assert.fail(missing));
else describe("three nodes behind nginx as docs/operations.md configures it", { skip: missing ?? false }, restartNodes);

function restartNodes(): void {
  let postgres: TestPostgres;
  let site: Site;
  let nodes: Node[] = [];

  before(async () => {
    postgres = await startPostgres();
    site = await openSite(await postgres.createDatabase());
    nodes = await Promise.all(["a", "b", "c"].map((name) => site.startNode({ name })));
  });

  after(async () => {
    await Promise.all(nodes.map(({ server }) => server.stop()));
    await site?.operator.stop();
    await postgres?.stop();
  });

  test("a rolling restart under load loses no request, not even a POST", async (t) => {
    const [first] = nodes as [Node, Node, Node];
    const target = { name: nginx.name, url: await startBalancer(nginx, nodes) };
    const subjects: Subject[] = await Promise.all(
      ["one", "two"].map(async (name) => openSubject(await site.createUser(name), first.url)),
    );
    const api = await first.server.json<{ client_id: string; client_secret: string }>(
      "resource-server",
      "create",
      "orders-api",
    );
    const traffic = startTraffic([target], subjects, { connections: CLIENTS, paceMs: 10, exchangeEvery: 4 });
    const introspection = startIntrospection(target.url, basic(api.client_id, api.client_secret), subjects, CLIENTS);
    const goesOn = async () => {
      const sinceMs = monotonicMs();
      const introspected = introspection.answers.length;
      await eventually(
        "requests are answered",
        () => {
          const isGoingOn =
            traffic.decidedInRow(target, sinceMs) >= ANSWERS_BETWEEN &&
            introspection.answers.length >= introspected + ANSWERS_BETWEEN;
          return isGoingOn;
        },
        120_000,
      );
    };

    await goesOn();
    for (let round = 0; round < ROUNDS; round++) {
      for (const [at, node] of nodes.entries()) {
        assert.deepEqual(await node.server.stop(), { status: 0, signal: null });
        nodes[at] = await site.startNode({ name: node.name, ports: node });
        await goesOn();
      }
    }
    await Promise.all([traffic.stop(), introspection.stop()]);

    const judgement = judge(traffic.answers);
    const wrong = traffic.answers
      .filter(({ status }) => status !== 200)
      .map(({ kind, status }) => `${kind}: ${status}`);
    wrong.push(...introspection.answers.filter((answer) => answer !== "active"));
    assert.deepEqual(wrong, []);
    t.diagnostic(`${describeJudgement(judgement)}; ${introspection.answers.length} introspections`);
  });
}
