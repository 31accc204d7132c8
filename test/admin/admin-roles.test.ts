/**
 * Every route of the admin API by every role: what isn't allowed is refused, and the refusal reveals nothing.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { makeKeyPair } from "../testkit/rsa-keys.ts";
import type { Operation } from "../testkit/admin-client.ts";
import { ABSENT, makeThings, sampleOf, type Things, unique } from "../testkit/admin-samples.ts";
import {
  type Caller,
  type ConsoleServer,
  makeCallers,
  startConsoleServer,
  useLink,
} from "../testkit/console-server.ts";

/**
 * Who may use a route: the lowest role; `everywhere` excludes callers limited to an account, `byOperator` excludes
 * admin tokens.
 */
type Rule =
  | "anyone"
  | "program"
  | "session"
  | "token"
  | `${"viewer" | "admin" | "owner"}${"" | " everywhere" | " byOperator"}`;

/** The routes that need a fresh sign-in. */
const FRESH = [
  "startPasskey",
  "addPasskey",
  "removePasskey",
  "renewRecoveryCodes",
  "rotateSigningKey",
  "retireSigningKey",
  "changeOperator",
  "resetOperator",
  "createInvitation",
  "createAdminToken",
  "approveDeviceSignIn",
];

/** Written down independently of the product's own table, so that a mistake there shows. */
const RULES: Readonly<Record<string, Rule>> = {
  getSignInOptions: "anyone",
  signInByPassword: "anyone",
  startPasskeySignIn: "anyone",
  signInByPasskey: "anyone",
  signInByRecoveryCode: "anyone",
  startSingleSignOn: "anyone",
  finishSingleSignOn: "anyone",
  lookAtLink: "anyone",
  startLinkPasskey: "anyone",
  useLink: "anyone",
  getMe: "viewer",
  signOut: "session",
  changePassword: "session",
  listMyPasskeys: "session",
  startPasskey: "session",
  addPasskey: "session",
  removePasskey: "session",
  renewRecoveryCodes: "session",
  listMySessions: "session",
  endMyOtherSessions: "session",
  endMySession: "session",
  listMyCommandLines: "session",
  signOutMyCommandLine: "session",
  revokeMyToken: "token",
  startDeviceSignIn: "program",
  collectDeviceSignIn: "program",
  lookAtDeviceSignIn: "session",
  approveDeviceSignIn: "session",
  denyDeviceSignIn: "session",
  listAccounts: "viewer",
  createAccount: "admin everywhere",
  getAccount: "viewer",
  changeAccount: "admin everywhere",
  listUsers: "viewer",
  createUser: "admin",
  importUsers: "admin",
  exportUsers: "admin",
  deactivateUsers: "admin",
  deactivateKeys: "admin",
  getUser: "viewer",
  changeUser: "admin",
  listAllKeys: "viewer",
  listKeys: "viewer",
  addKey: "admin",
  createKeyChallenge: "admin",
  inspectKey: "admin",
  getKey: "viewer",
  listKeyDescendants: "viewer",
  changeKey: "admin",
  getOverview: "viewer",
  getUsage: "viewer",
  getUserRefusals: "viewer",
  getImpact: "viewer",
  listResourceServers: "viewer everywhere",
  createResourceServer: "admin everywhere",
  getResourceServer: "viewer everywhere",
  changeResourceServer: "admin everywhere",
  rotateResourceServerSecret: "admin everywhere",
  listSigningKeys: "viewer everywhere",
  rotateSigningKey: "owner everywhere",
  retireSigningKey: "owner everywhere",
  listNodes: "viewer everywhere",
  listOperators: "owner",
  getOperator: "owner",
  changeOperator: "owner",
  resetOperator: "owner byOperator",
  listOperatorSessions: "owner",
  endOperatorSession: "owner",
  listInvitations: "owner",
  createInvitation: "owner byOperator",
  withdrawInvitation: "owner",
  listAdminTokens: "owner",
  createAdminToken: "owner",
  revokeAdminToken: "owner",
  listAuditEvents: "viewer",
  exportAuditEvents: "viewer",
  getAuditPosition: "viewer everywhere",
  verifyAuditChain: "viewer everywhere",
  explainAssertion: "viewer",
  checkToken: "viewer",
  getSettings: "admin everywhere",
  getDiagnosis: "admin everywhere",
  listWebhooks: "admin",
  createWebhook: "admin",
  getWebhook: "admin",
  changeWebhook: "admin",
  rotateWebhookSecret: "admin",
  testWebhook: "admin",
  listWebhookDeliveries: "admin",
  exportRegistry: "admin",
  planRegistry: "admin",
  applyRegistry: "admin",
};

const RANKS = ["nobody", "viewer", "admin", "owner"];

/** Routes whose path or body names something that belongs to an account. */
const OF_AN_ACCOUNT = [
  "getAccount",
  "createUser",
  "exportUsers",
  "getUser",
  "changeUser",
  "listKeys",
  "addKey",
  "getKey",
  "listKeyDescendants",
  "changeKey",
  "getUsage",
  "getUserRefusals",
  "getImpact",
  "getOperator",
  "changeOperator",
  "resetOperator",
  "listOperatorSessions",
  "endOperatorSession",
  "createInvitation",
  "withdrawInvitation",
  "createAdminToken",
  "revokeAdminToken",
  "createWebhook",
  "getWebhook",
  "changeWebhook",
  "rotateWebhookSecret",
  "testWebhook",
  "listWebhookDeliveries",
  "planRegistry",
  "applyRegistry",
];

describe("every route of the admin API by every role", { concurrency: false }, () => {
  let console: ConsoleServer;
  let made: Awaited<ReturnType<typeof makeCallers>>;
  let callers: readonly Caller[];
  let own: Things;
  let foreign: Things;
  const figures = { asked: 0, allowed: 0, refused: 0, hidden: 0 };

  before(async () => {
    console = await startConsoleServer();
    const { server } = console;
    for (const account of ["acme", "other"]) {
      await server.json("account", "create", account);
      await server.json("user", "create", "demo", "--account", account);
    }
    await server.json("resource-server", "create", "shop");
    await server.json("signing-key", "rotate");
    made = await makeCallers(console, "acme");
    const { owner } = made;
    callers = made.callers;
    own = await makeThings(console, owner, "acme", "api-1-demo");
    foreign = await makeThings(console, owner, "other", "api-2-demo");
  });
  after(async () => {
    await console.server.stop();
  });

  const answerTo = async (caller: Caller, operation: Operation, things: Things) => {
    const { path, ...options } = await sampleOf(operation, things);
    figures.asked++;
    return caller.client.send(operation.method, path, options);
  };

  test("the table lists every route, and its rule is the one in the documentation", () => {
    assert.deepEqual(
      console.api.operations.map(({ operationId }) => operationId).toSorted(),
      Object.keys(RULES).toSorted(),
    );
    for (const { operationId, description } of console.api.operations) {
      const rule = RULES[operationId] ?? "";
      const [role = "", limit] = rule.split(" ");
      const limits = { everywhere: ", not limited to an account", byOperator: ", and an operator's session" };
      const said =
        rule === "anyone"
          ? "Needs no session."
          : rule === "program"
            ? "For a program; needs no session or token."
            : rule === "token"
              ? "Needs an admin token, which it is about."
              : rule === "session"
                ? "Needs an operator's session."
                : `Needs the role ${role}${limit === undefined ? "" : limits[limit as keyof typeof limits]}.`;
      const freshly = FRESH.includes(operationId) ? " An operator must have signed in within 5 minutes." : "";
      assert.equal(description, said + freshly, operationId);
    }
  });

  test("an allowed caller succeeds; a refused one learns nothing else", async () => {
    for (const operation of console.api.operations) {
      const { operationId } = operation;
      const rule = RULES[operationId] ?? "anyone";
      if (["anyone", "program", "session", "token"].includes(rule)) continue;
      const [role = "", limit] = rule.split(" ");
      for (const caller of callers) {
        // What the request uses up is made anew for each caller.
        const context = `${operationId} by ${caller.name}`;
        const isAllowed =
          RANKS.indexOf(caller.role) >= RANKS.indexOf(role) &&
          !(limit === "everywhere" && caller.isLimited) &&
          !(limit === "byOperator" && caller.kind === "token");
        if (isAllowed) {
          if (operationId === "retireSigningKey" && caller.kind === "token") continue;
          const answer = await answerTo(caller, operation, own);
          assert.ok(answer.status === 200 || answer.status === 201, `${context}: ${answer.status} ${answer.text}`);
          figures.allowed++;
        } else {
          const expected = caller.kind === "nobody" ? 401 : 403;
          // The answer is the same for the caller's things, others' things and things that don't exist.
          const answers = [];
          for (const things of [own, foreign, ABSENT]) answers.push(await answerTo(caller, operation, things));
          for (const answer of answers) {
            assert.equal(answer.status, expected, `${context}: ${answer.text}`);
            assert.equal(answer.code, expected === 401 ? "sign_in_required" : "forbidden", context);
            assert.equal(answer.text, answers[0]?.text, context);
            figures.refused++;
          }
        }
      }
    }
  });

  test("many are deactivated one by one: what a caller can't see is refused as what doesn't exist", async () => {
    for (const caller of callers) {
      if (!caller.isLimited || caller.role === "viewer" || caller.kind === "nobody") continue;
      const before = (await made.owner.get(`/users/${foreign.username}`)).text;
      const answer = await caller.client.post("/users/deactivate", {
        usernames: [foreign.username, ABSENT.username, own.username],
      });
      const [hidden, absent, done] = answer.body.data.users;
      assert.deepEqual({ ...hidden, username: "" }, { ...absent, username: "" }, caller.name);
      assert.deepEqual([hidden.outcome, hidden.code, done.code], ["refused", "not_found", null], caller.name);
      assert.equal(answer.body.data.refused, 2);
      assert.equal((await made.owner.get(`/users/${foreign.username}`)).text, before);
      const ids = [foreign.keyId, ABSENT.keyId];
      const [foreignKey, absentKey] = (await caller.client.post("/keys/deactivate", { ids })).body.data.keys;
      assert.deepEqual({ ...foreignKey, id: 0 }, { ...absentKey, id: 0 }, caller.name);
      assert.equal(foreignKey.code, "not_found");
    }
    assert.equal((await made.owner.get(`/users/${foreign.username}`)).body.data.status, "active");
    assert.equal((await made.owner.get(`/keys/${foreign.keyId}`)).body.data.status, "active");
  });

  test("a caller limited to an account can't tell another account's things from things that don't exist", async () => {
    for (const operation of console.api.operations) {
      const { operationId } = operation;
      if (!OF_AN_ACCOUNT.includes(operationId)) continue;
      const [role = ""] = (RULES[operationId] ?? "").split(" ");
      for (const caller of callers) {
        if (!caller.isLimited || RANKS.indexOf(caller.role) < RANKS.indexOf(role)) continue;
        if (RULES[operationId]?.endsWith("byOperator") === true && caller.kind === "token") continue;
        const context = `${operationId} by ${caller.name}`;
        const hidden = await answerTo(caller, operation, foreign);
        const absent = await answerTo(caller, operation, ABSENT);
        assert.ok(hidden.status === 404 || hidden.status === 422, `${context}: ${hidden.status} ${hidden.text}`);
        // A message may repeat the name that the request gave.
        const unnamed = (text: string) => text.replaceAll(/\b(?:other|absent)\b/g, "…");
        assert.equal(unnamed(hidden.text), unnamed(absent.text), context);
        assert.equal(hidden.status, absent.status, context);
        figures.hidden++;
      }
    }
  });

  test("lists, searches, usage, audit and explanations show a limited caller nothing of another account", async () => {
    const traces = /other|api-2|viewer@example\.com|first@example\.com|resource_server|signing_key/;
    for (const caller of callers) {
      if (!caller.isLimited) continue;
      for (const path of [
        "/accounts",
        "/accounts?q=other",
        "/users",
        "/users?q=api-2",
        "/users?account=other",
        "/users?order=name",
        "/audit-events?limit=500",
        "/audit-events?subject=account:2",
        "/audit-events/export?format=csv",
        "/audit-events/export?format=jsonl",
        ...(caller.role === "viewer"
          ? []
          : [
              "/webhooks",
              "/webhooks?account=other",
              "/registry",
              "/registry?format=yaml",
              "/users/export?format=csv",
              "/users/export?format=jsonl",
            ]),
        ...(caller.role === "owner" ? ["/operators", "/operators?q=first", "/invitations", "/admin-tokens"] : []),
      ]) {
        const answer = await caller.client.get(path);
        assert.equal(answer.status, 200, `${path}: ${answer.text}`);
        const shown = answer.body?.data === undefined ? answer.text : JSON.stringify(answer.body.data);
        assert.doesNotMatch(withoutActors(shown), traces, `${path} by ${caller.name}`);
        figures.hidden++;
      }
    }
  });

  test("no conflict reveals to a limited operator what another account has", async () => {
    const { owner } = made;
    const elsewhere = { email: "elsewhere@example.com", role: "viewer", account: "other" } as const;
    const invited = await owner.post("/invitations", elsewhere);
    await useLink(console, new URL(invited.body.data.link).hash.slice(1));
    await owner.post("/admin-tokens", { name: "taken", role: "viewer", account: "other" });
    await owner.post("/admin-tokens", { name: "taken", role: "viewer" });
    // Asked by one caller only: what it makes belongs to the account from then on.
    const caller = callers.find(({ role, isLimited, kind }) => role === "owner" && isLimited && kind === "session");
    assert.ok(caller !== undefined);
    for (const [path, body, shape] of [
      ["/invitations", { email: elsewhere.email, role: "viewer", account: "acme" }, "link"],
      ["/admin-tokens", { name: "taken", role: "viewer", account: "acme" }, "token"],
    ] as const) {
      const answer = await caller.client.post(path, body);
      assert.equal(answer.status, 201, `${path}: ${answer.text}`);
      assert.ok(answer.body.data[shape], path);
      figures.hidden++;
    }
    // An operator who sees both accounts gets the conflict.
    assert.equal((await owner.post("/invitations", elsewhere)).status, 409);
  });

  test("a limited operator is refused a key of another account, and learns nothing of whose it is", async () => {
    const { owner } = made;
    const caller = callers.find(({ role, isLimited, kind }) => role === "admin" && isLimited && kind === "session");
    assert.ok(caller !== undefined);
    const pair = makeKeyPair();
    // The same modulus, but another key, fingerprint and thumbprint.
    const otherExponent = JSON.stringify({ ...pair.publicKey.export({ format: "jwk" }), e: "AQAD" });
    const add = (client: typeof owner, publicKey: string, username = "api-1-demo") =>
      client.post(`/users/${username}/keys`, { public_key: publicKey });
    const { id } = (await add(owner, pair.publicPem, "api-2-demo")).body.data;
    for (const [status, weakness, message] of [
      ["active", "duplicate", "The key is refused: a key with its modulus is registered already."],
      ["deactivated", "duplicate", "The key is refused: a key with its modulus is registered already."],
      [
        "revoked",
        "revoked",
        "The key is refused: a key with its modulus was revoked, and a revoked key is never accepted again.",
      ],
    ] as const) {
      await owner.patch(`/keys/${id}`, { status });
      for (const text of [pair.publicPem, otherExponent]) {
        const refused = await add(caller.client, text);
        const [error] = refused.body.meta.errors;
        assert.deepEqual([refused.status, error.code, error.weakness], [422, "key_weak", weakness]);
        assert.equal(error.message, message);
        assert.ok(!refused.text.includes("api-2"), "the answer names the other user");
        const shown = await add(owner, text);
        assert.equal(shown.body.meta.errors[0].weakness, weakness);
        assert.match(shown.body.meta.errors[0].message, new RegExp(`key ${id}\\b`));
        figures.hidden++;
      }
    }
  });

  test("the hashes of the audit log, which cover all accounts' events, are shown only to callers who see all accounts", async () => {
    for (const caller of callers) {
      if (caller.kind === "nobody") continue;
      const list = (await caller.client.get("/audit-events?limit=5")).body.data;
      const { text } = await caller.client.get("/audit-events/export?format=csv");
      const lines = (await caller.client.get("/audit-events/export?format=jsonl")).text;
      for (const event of list) {
        assert.equal(event.hash === null && event.previous_hash === null, caller.isLimited, caller.name);
      }
      assert.equal(/[0-9a-f]{64}/.test(text + lines), !caller.isLimited, caller.name);
      figures.hidden++;
    }
  });

  test("a route for sessions refuses admin tokens and callers without a session", async () => {
    for (const operation of console.api.operations) {
      if (RULES[operation.operationId] !== "session") continue;
      for (const caller of callers) {
        if (caller.kind === "session") continue;
        const answer = await answerTo(caller, operation, own);
        assert.equal(answer.status, caller.kind === "token" ? 403 : 401, `${operation.operationId} by ${caller.name}`);
        figures.refused++;
      }
    }
  });

  test("a route about the token of the request refuses sessions and callers without a token", async () => {
    for (const operation of console.api.operations) {
      if (RULES[operation.operationId] !== "token") continue;
      for (const caller of callers) {
        if (caller.kind === "token") continue;
        const answer = await answerTo(caller, operation, own);
        assert.equal(
          answer.status,
          caller.kind === "session" ? 403 : 401,
          `${operation.operationId} by ${caller.name}`,
        );
        figures.refused++;
      }
    }
  });

  test("a caller can't grant more than their own role and account", async () => {
    for (const caller of callers) {
      if (caller.role !== "owner" || !caller.isLimited) continue;
      for (const body of [{ role: "viewer" }, { role: "owner", account: null }, { role: "owner", account: "other" }]) {
        const token = await caller.client.post("/admin-tokens", { name: unique("more"), ...body });
        const invitation = await caller.client.post("/invitations", {
          email: `${unique("more")}@example.com`,
          ...body,
        });
        for (const answer of [token, invitation]) {
          assert.ok(
            answer.status === 403 || answer.status === 422,
            `${JSON.stringify(body)}: ${answer.status} ${answer.text}`,
          );
          figures.refused++;
        }
      }
    }
  });

  after(() => {
    process.stdout.write(`admin API, every route by every role: ${JSON.stringify(figures)}\n`);
  });
});

/** The text without authors: an event's author may be of another account, its subject may not. */
function withoutActors(text: string): string {
  return text
    .replaceAll(/"(?:actor|created_by)":"[^"]*"/g, "")
    .replaceAll(/\b(?:operator|cli|admin-token):[^,"]*/g, "");
}
