/**
 * Operators on two nodes that share one PostgreSQL: what is valid once is valid once over both, and an operator
 * deactivated at one is deactivated at the other.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { startPostgres, type TestPostgres } from "../testkit/postgres.ts";
import { startServer, type TestServer } from "../testkit/server.ts";

const ADMIN = "/api/admin/v1";
const PASSWORD = "correct horse battery staple";
/** How many requests each node gets at once. */
const AT_ONCE = 3;

let postgres: TestPostgres;

before(async () => {
  postgres = await startPostgres();
});

after(() => postgres.stop());

async function startNodes(): Promise<readonly [TestServer, TestServer]> {
  const env = {
    COUNTERSIGN_DATABASE_URL: await postgres.createDatabase(),
    COUNTERSIGN_MASTER_SECRET: randomBytes(32).toString("base64"),
  };
  const first = await startServer({ env, flags: ["--refusal-limit", "0"] });
  return [first, await startServer({ env, flags: ["--refusal-limit", "0"] })];
}

const setupSecret = (server: TestServer) => /csiv_[0-9A-Za-z]+/.exec(server.stderr())?.[0] ?? "";

async function ask(server: TestServer, method: string, path: string, body?: unknown, cookie = "") {
  const answer = await fetch(server.adminUrl + ADMIN + path, {
    method,
    headers: {
      origin: new URL(server.adminUrl).origin,
      // The cookie's name has the port at which the browser reaches the console: behind a load balancer, one for all
      // nodes.
      cookie: cookie.replace(/^(countersign_session)_\d+/, `$1_${new URL(server.adminUrl).port}`),
      ...(body !== undefined && { "content-type": "application/json" }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const { data } = (await answer.json()) as { data: { recovery_codes?: string[]; link?: string; id?: number } };
  return { status: answer.status, data, cookie: (answer.headers.getSetCookie()[0] ?? "").split(";")[0] ?? "" };
}

/** Sends the same request to both nodes, several times, all at once. */
function everywhere<Result>(nodes: readonly TestServer[], work: (node: TestServer, at: number) => Promise<Result>) {
  return Promise.all(nodes.flatMap((node) => Array.from({ length: AT_ONCE }, (_, at) => work(node, at))));
}

const countOf = (statuses: readonly number[], status: number) => statuses.filter((one) => one === status).length;

describe("on two nodes", { concurrency: 1 }, () => {
  test("the set-up link used at both at once makes one owner; the first node's link is void", async () => {
    const nodes = await startNodes();
    const [first, second] = nodes;
    assert.equal((await ask(first, "POST", "/links/look", { token: setupSecret(first) })).status, 403);
    const token = setupSecret(second);
    const used = await everywhere(nodes, (node, at) =>
      ask(node, "POST", "/links/use", { token, email: `${at}-${node.pid}@example.com`, password: PASSWORD }),
    );
    const statuses = used.map(({ status }) => status);
    assert.deepEqual([countOf(statuses, 200), countOf(statuses, 403)], [1, 2 * AT_ONCE - 1]);
    const operators = await first.json<unknown[]>("operator", "list");
    assert.equal(operators.length, 1);
    for (const node of nodes) await node.stop();
  });

  test("a recovery code and an invitation are each valid once, and a deactivation applies at both", async () => {
    const nodes = await startNodes();
    const [first, second] = nodes;
    const owner = await ask(second, "POST", "/links/use", {
      token: setupSecret(second),
      email: "owner@example.com",
      password: PASSWORD,
    });
    const [code = ""] = owner.data.recovery_codes ?? [];
    const byCode = await everywhere(nodes, (node) =>
      ask(node, "POST", "/sign-in/recovery-code", { email: "owner@example.com", code }),
    );
    assert.equal(
      countOf(
        byCode.map(({ status }) => status),
        200,
      ),
      1,
    );

    const invite = async (email: string) => {
      const { data } = await ask(first, "POST", "/invitations", { email, role: "owner" }, owner.cookie);
      return new URL(data.link ?? "").hash.slice(1);
    };
    const token = await invite("b@example.com");
    const letIn = await everywhere(nodes, (node) => ask(node, "POST", "/links/use", { token, password: PASSWORD }));
    assert.equal(
      countOf(
        letIn.map(({ status }) => status),
        200,
      ),
      1,
    );
    const other = letIn.find(({ status }) => status === 200)?.cookie ?? "";

    // Two owners deactivate each other, each at another node: one of them stays active.
    for (const node of nodes) assert.equal((await ask(node, "GET", "/me", undefined, other)).status, 200);
    const list = await first.json<{ id: number; email: string }[]>("operator", "list");
    const idOf = (email: string) => list.find((one) => one.email === email)?.id;
    const off = { status: "deactivated" };
    const statuses = await Promise.all([
      ask(first, "PATCH", `/operators/${idOf("b@example.com")}`, off, owner.cookie),
      ask(second, "PATCH", `/operators/${idOf("owner@example.com")}`, off, other),
    ]).then((answers) => answers.map(({ status }) => status));
    assert.equal(countOf(statuses, 200), 1, String(statuses));
    const [loser] = statuses[0] === 200 ? [other] : [owner.cookie];
    for (const node of nodes) {
      assert.equal((await ask(node, "GET", "/me", undefined, loser)).status, 401, "on the very next request");
    }
    const left = await first.json<{ status: string }[]>("operator", "list");
    assert.equal(left.filter(({ status }) => status === "active").length, 1);
    for (const node of nodes) await node.stop();
  });
});
