/** The webhook commands as an operator types them, with a real server that delivers. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually } from "../testkit/eventually.ts";
import { startServer, type TestServer } from "../testkit/server.ts";
import { isSignedWith, startWebhookReceiver, type WebhookReceiver } from "../testkit/webhook-receiver.ts";

type Json = Readonly<Record<string, unknown>>;

describe("countersign webhook", { concurrency: false }, () => {
  let server: TestServer;
  let receiver: WebhookReceiver;
  before(async () => {
    receiver = await startWebhookReceiver();
    server = await startServer({ env: { COUNTERSIGN_WEBHOOK_NETWORKS: "127.0.0.1" } });
    await server.json("account", "create", "acme");
  });
  after(async () => {
    await server.stop();
    await receiver.close();
  });

  test("create, list, test and deliveries: the secret is shown once, and the server delivers", async () => {
    const empty = await server.cli("webhook", "list");
    assert.equal(empty.stdout, "No webhook endpoints yet; create one with: countersign webhook create <url>\n");
    const url = `${receiver.url}in?token=x`;
    const made = await server.cli("webhook", "create", url, "--events", "key.*, user.created", "--json");
    assert.deepEqual([made.status, made.stderr], [0, "The secret is shown only once; the store doesn't have it.\n"]);
    const { secret, created_at, created_by, ...rest } = JSON.parse(made.stdout);
    assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
    assert.match(created_by, /^cli:/);
    assert.ok(Date.parse(created_at) > 0);
    assert.deepEqual(rest, {
      id: 1,
      url,
      label: null,
      events: ["key.*", "user.created"],
      account: null,
      status: "active",
      disabled_reason: null,
      previous_secret_ends_at: null,
      last_delivered_at: null,
      failed_attempts: 0,
      failing_since: null,
      next_attempt_at: null,
    });

    const tested = await server.cli("webhook", "test", "1");
    assert.equal(tested.status, 0);
    assert.match(tested.stdout, /^delivered after \d+ ms: The receiver accepted it with status 204\.\n$/);
    const [message] = receiver.messages;
    assert.ok(message !== undefined && message.type === "webhook.test" && isSignedWith(secret, message));

    await server.json("user", "create", "demo", "--account", "acme");
    const [, event] = await receiver.waitFor(2);
    assert.ok(event !== undefined && isSignedWith(secret, event));
    assert.deepEqual(
      [event.type, event.path, event.data.details.username],
      ["user.created", "/in?token=x", "api-1-demo"],
    );
    const [delivery] = await eventually("the delivery is recorded", async () => {
      const deliveries = await server.json<Json[]>("webhook", "deliveries", "1");
      return deliveries.length > 0 && deliveries;
    });
    assert.deepEqual(
      [
        delivery?.["message_id"],
        delivery?.["action"],
        delivery?.["outcome"],
        delivery?.["http_status"],
        delivery?.["attempt"],
      ],
      [event.id, "user.created", "delivered", 204, 1],
    );
    assert.match(
      (await server.cli("webhook", "deliveries", "1")).stdout,
      /^WHEN .*MESSAGE\n.* user\.created .*delivered .*204/,
    );
    const list = await server.cli("webhook", "list");
    assert.match(list.stdout, /^ID +STATUS +URL .*\n1 +active +http.* +key\.\*,user\.created +- +.* +-\n$/);
    assert.ok(!list.stdout.includes("whsec_"));
  });

  test("test ends with status 1 and the reason where the receiver refuses", async () => {
    receiver.answerWith(404);
    const refused = await server.cli("webhook", "test", "1");
    assert.equal(refused.status, 1);
    assert.match(
      refused.stdout,
      /^failed after \d+ ms: The receiver answered with status 404; 200 to 299 is needed\.\n$/,
    );
    receiver.answerWith(302);
    const { status, stdout } = await server.cli("webhook", "test", "1", "--json");
    assert.deepEqual([status, JSON.parse(stdout).outcome, JSON.parse(stdout).http_status], [1, "redirected", 302]);
  });

  test("rotate prints a new secret; deactivate and activate stop and resume, with --skip from now on", async () => {
    const first = await server.json<Json>("webhook", "create", receiver.url, "--account", "acme", "--label", "ops");
    const rotated = await server.json<Json>("webhook", "rotate", String(first["id"]), "--overlap", "1h");
    assert.notEqual(rotated["secret"], first["secret"]);
    const hour = Date.parse(String(rotated["previous_secret_ends_at"])) - Date.now();
    assert.ok(hour > 0 && hour <= 3_600_000);
    const id = String(first["id"]);
    assert.equal((await server.cli("webhook", "deactivate", id)).stdout, `Endpoint ${id} is deactivated.\n`);
    await server.json("user", "create", "missed", "--account", "acme");
    await server.cli("webhook", "deactivate", "1");
    assert.equal((await server.cli("webhook", "activate", id, "--skip")).stdout, `Endpoint ${id} is active.\n`);
    await server.json("user", "create", "seen", "--account", "acme");
    const seen = await eventually("the next event arrives", () =>
      receiver.messages.find(({ data }) => data.details?.username === "api-1-seen"),
    );
    assert.ok(isSignedWith(String(first["secret"]), seen) && isSignedWith(String(rotated["secret"]), seen));
    assert.equal(seen.data.hash, null);
    assert.ok(!receiver.messages.some(({ path, data }) => path === "/" && data.details?.username === "api-1-missed"));
  });

  test("edit changes what is given, and nothing else", async () => {
    const edited = await server.json<Json>("webhook", "edit", "1", "--events", "user.*", "--label", "users");
    assert.deepEqual(
      [edited["events"], edited["label"], edited["url"]],
      [["user.*"], "users", `${receiver.url}in?token=x`],
    );
    const moved = await server.cli("webhook", "edit", "1", "--url", receiver.url);
    assert.equal(moved.stdout, `id      1\nurl     ${receiver.url}\nevents  user.*\nlabel   users\n`);
    for (const [args, status] of [
      [["1"], 2],
      [["1", "--url", "https://10.0.0.1/"], 1],
      [["99", "--label", "x"], 1],
    ] as const) {
      assert.equal((await server.cli("webhook", "edit", ...args)).status, status, args.join(" "));
    }
  });

  test("refuses what can't be an endpoint in one line, which doesn't repeat the URL", async () => {
    for (const [args, status, message] of [
      [
        ["create", "http://169.254.169.254/hidden"],
        1,
        /^countersign: http:\/\/ isn't allowed here: .*COUNTERSIGN_WEBHOOK_NETWORKS\.\n$/,
      ],
      [
        ["create", "https://[::ffff:10.0.0.1]/hidden"],
        1,
        /^countersign: The host's address is private or reserved\. .*\n$/,
      ],
      [
        ["create", "https://user:hidden@hooks.example/"],
        1,
        /^countersign: The URL must not hold a user name or a password\. .*\n$/,
      ],
      [["create", "ftp://hooks.example/hidden"], 1, /^countersign: A URL that begins with https:\/\/ is needed, .*\n$/],
      [
        ["create", receiver.url, "--events", "key.nonsense"],
        1,
        /^countersign: There is no event "key\.nonsense"\. .*\n$/,
      ],
      [["create", receiver.url, "--account", "absent"], 1, /^countersign: There is no account of that name\.\n$/],
      [["rotate", "99"], 1, /^countersign: There is no webhook endpoint 99\. countersign webhook list shows them\.\n$/],
      [["test", "99"], 1, /^countersign: There is no webhook endpoint 99\. countersign webhook list shows them\.\n$/],
      [["test", "first"], 2, /^countersign: An endpoint's id is a whole number; .*\n$/],
      [["rotate", "1", "--overlap", "soon"], 2, /^countersign: --overlap takes a duration such as 24h; .*\n$/],
      [["rotate", "1", "--overlap", "31d"], 1, /^countersign: The overlap must be from 0 to 30 days\.\n$/],
    ] as const) {
      const result = await server.cli("webhook", ...args);
      assert.deepEqual([result.status, result.stdout], [status, ""], args.join(" "));
      assert.match(result.stderr, message);
      assert.ok(!result.stderr.includes("hidden"), result.stderr);
    }
  });

  test("leaves no URL's path and no secret in the server's log", () => {
    for (const text of ["token=x", "/in?", "whsec_"]) assert.ok(!server.stderr().includes(text), text);
  });
});
