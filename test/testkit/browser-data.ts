/**
 * A store as it looks after some weeks of use, for screenshots and checks of every page: accounts, API users, keys in
 * every state, tokens issued by day and night, operators, and the log of all of it. Made through the admin API; only
 * the times are moved into the past afterwards, in the store's file.
 */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { CHAIN_START, chainHash } from "../../packages/server/src/core/feed/audit-chain.ts";
import type { AdminClient } from "./admin-client.ts";
import { newestMs, ROOT } from "./browser-console.ts";
import { PASSWORD, startConsoleServer, useLink } from "./console-server.ts";
import { makeKeyPair } from "./rsa-keys.ts";
import { type ServerOptions, startServer, temporaryFolder, type TestServer } from "./server.ts";

/** The author of everything; signs in with `PASSWORD`. */
export const OWNER = "ada@example.com";

/** An API user with keys in several states, and live tokens. */
export const BUSY_USER = "api-1-orders-sync";

/** Nothing listens at the webhook endpoints, which are on this machine. */
const OPTIONS: ServerOptions = {
  flags: ["--refusal-limit", "0"],
  env: { COUNTERSIGN_WEBHOOK_NETWORKS: "127.0.0.0/8" },
};

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const ACCOUNTS = [
  ["acme", "Acme Ltd"],
  ["globex", "Globex Corporation"],
  ["initech", "Initech"],
  ["vandelay", "Vandelay Industries"],
  ["umbrella", "Umbrella Research"],
] as const;

interface SampleKey {
  readonly label: string | null;
  readonly bits?: 2048 | 3072;
  readonly standing?: "deactivated" | "revoked";
  /** From now; a key with a negative value has expired. */
  readonly expiresInDays?: number;
  /** Tokens in the busiest hour; none by default. */
  readonly tokens?: number;
  readonly isProved?: true;
  /** Whether it was rotated in by the key before it in the list. */
  readonly isRotated?: true;
  readonly networks?: string;
  readonly weakness?: string;
  /** Last used this long ago. */
  readonly idleDays?: number;
}

const USERS: readonly (readonly [account: string, name: string, access: "full" | "read_only", keys: SampleKey[]])[] = [
  [
    "acme",
    "orders-sync",
    "full",
    [
      { label: "2025, data centre", standing: "revoked" },
      { label: "2026, eu-west", expiresInDays: 141, tokens: 42, isProved: true, isRotated: true },
      { label: "2026, us-east", tokens: 17, bits: 3072, isProved: true, networks: "192.0.2.0/24" },
      { label: "Priya’s laptop", standing: "deactivated" },
    ],
  ],
  ["acme", "catalog-export", "read_only", [{ label: "nightly job", tokens: 3, expiresInDays: 5, isProved: true }]],
  ["acme", "price-feed", "full", [{ label: null, tokens: 60 }]],
  ["acme", "returns-portal", "full", [{ label: "production", tokens: 9 }]],
  [
    "globex",
    "warehouse",
    "full",
    [
      { label: "scanner fleet", tokens: 88 },
      { label: "spare", expiresInDays: 12 },
    ],
  ],
  ["globex", "edi-gateway", "full", [{ label: "AS2 bridge", tokens: 24, weakness: "roca" }]],
  ["globex", "reporting", "read_only", [{ label: "BI", tokens: 5 }]],
  ["initech", "tps-reports", "read_only", [{ label: null, expiresInDays: -3 }]],
  ["initech", "payroll", "full", [{ label: "payroll-2", tokens: 2, isProved: true }]],
  ["vandelay", "import", "full", [{ label: null, tokens: 14 }]],
  ["vandelay", "export", "full", [{ label: null, idleDays: 130 }]],
  ["vandelay", "latex-catalogue", "read_only", []],
  ["umbrella", "lab-results", "full", [{ label: "hive", standing: "deactivated" }]],
];

/**
 * Starts a server on such a store.
 *
 * @param options.isAged moves the times into the past, for screenshots; otherwise everything has the present time
 */
export async function startFilledServer({ isAged }: { readonly isAged: boolean }): Promise<TestServer> {
  const dataDir = temporaryFolder();
  cpSync(await madeStore(), dataDir, { recursive: true });
  const database = new DatabaseSync(join(dataDir, "countersign.db"), { timeout: 10_000 });
  fillUsage(database, Date.now());
  fillTrust(database);
  fillWebhooks(database, Date.now());
  if (isAged) {
    moveIntoPast(database, Date.now());
    fillIdleness(database, Date.now());
    rememberNewHashes(database, join(dataDir, "countersign.position"));
  }
  database.close();
  return await startServer({ ...OPTIONS, dataDir });
}

/** How long test files share a store, in milliseconds: what is in it must look new. */
const SHARED_MS = 20 * 60_000;

/** What decides what is in the store. */
const STORE_SOURCES = ["packages/protocol/src", "packages/server/src", "test/testkit"];

const SHARED_FOLDER = join(ROOT, "node_modules", ".cache", "console-stores");

/**
 * The store as the admin API makes it. This takes seconds, so test files that run one after the other share it: a folder each time that
 * it is made, named by the time.
 *
 * @returns its folder, to copy
 */
async function madeStore(): Promise<string> {
  const nowMs = Date.now();
  const oldestMs = Math.max(nowMs - SHARED_MS, ...STORE_SOURCES.map((folder) => newestMs(join(ROOT, folder))));
  mkdirSync(SHARED_FOLDER, { recursive: true });
  const times = readdirSync(SHARED_FOLDER).filter((name) => /^\d+$/.test(name));
  const shared = times.find((name) => Number(name) > oldestMs);
  if (shared !== undefined) return join(SHARED_FOLDER, shared);
  for (const name of times) {
    // Nobody copies it any more.
    if (Number(name) < nowMs - 3 * SHARED_MS) rmSync(join(SHARED_FOLDER, name), { recursive: true, force: true });
  }
  const folder = await makeStore();
  const copy = join(SHARED_FOLDER, `${process.pid} ${nowMs}`);
  cpSync(folder, copy, { recursive: true });
  // At once, so that no other file sees a part of it.
  renameSync(copy, join(SHARED_FOLDER, String(nowMs)));
  return folder;
}

async function makeStore(): Promise<string> {
  const console_ = await startConsoleServer(OPTIONS);
  const { server, api } = console_;
  const owner = api.client.as({ cookie: await useLink(console_, console_.setupSecret, OWNER) });
  await makeRegistry(owner);
  await makeOthers(owner);
  for (const [email, role, account] of [
    ["grace@example.com", "admin", null],
    ["linus@example.com", "viewer", null],
    ["zoe@globex.example", "admin", "globex"],
  ] as const) {
    const { link } = await made(owner, "/invitations", { email, role, ...(account !== null && { account }) });
    await useLink(console_, new URL(String(link)).hash.slice(1));
  }
  await made(owner, "/invitations", { email: "ken@example.com", role: "viewer" });
  // The same person at another machine.
  const elsewhere = api.client.as({ origin: new URL(server.adminUrl).origin });
  await elsewhere.post("/sign-in/password", { email: OWNER, password: PASSWORD });
  await server.json("signing-key", "rotate");
  await server.stop();
  return server.dataDir;
}

async function made(client: AdminClient, path: string, body: unknown): Promise<Readonly<Record<string, unknown>>> {
  const answer = await client.post(path, body);
  assert.ok(answer.status === 200 || answer.status === 201, answer.text);
  return answer.body.data as Record<string, unknown>;
}

async function makeRegistry(owner: AdminClient): Promise<void> {
  for (const [shortname, name] of ACCOUNTS) await made(owner, "/accounts", { shortname, name });
  for (const [account, name, access, keys] of USERS) {
    const { username } = await made(owner, "/users", { account, name, access });
    for (const { label, bits = 2048, standing } of keys) {
      const { id } = await made(owner, `/users/${String(username)}/keys`, {
        public_key: makeKeyPair(bits).publicPem,
        ...(label !== null && { label }),
      });
      if (standing !== undefined) await owner.patch(`/keys/${String(id)}`, { status: standing });
    }
  }
  await owner.patch("/users/api-3-payroll", { status: "deactivated" });
  await owner.patch("/accounts/umbrella", { status: "deactivated" });
}

async function makeOthers(owner: AdminClient): Promise<void> {
  for (const name of ["orders-api", "catalog-api", "legacy-soap"]) await made(owner, "/resource-servers", { name });
  await made(owner, "/resource-servers/orders-api/secret", { grace_seconds: 86_400 });
  await owner.patch("/resource-servers/legacy-soap", { status: "deactivated" });
  for (const [label, events, account] of WEBHOOKS) {
    await made(owner, "/webhooks", { url: "http://127.0.0.1:9/hook", label, events, ...(account && { account }) });
  }
  await made(owner, "/admin-tokens", { name: "deploy-pipeline", role: "admin" });
  await made(owner, "/admin-tokens", { name: "globex-onboarding", role: "admin", account: "globex" });
  const { id } = await made(owner, "/admin-tokens", { name: "old-import", role: "admin" });
  await owner.send("DELETE", `/admin-tokens/${String(id)}`);
}

/** Their events are rare, so that nothing is delivered while the pages are looked at. */
const WEBHOOKS = [
  ["Pager", ["key.expiring", "key.found_weak"], null],
  ["Globex", ["key.revoked"], "globex"],
  ["Old chat", ["account.created"], null],
] as const;

/** Deliveries to the first endpoint; the second one fails, and the third one is gone. */
function fillWebhooks(database: DatabaseSync, nowMs: number): void {
  database.exec("update webhooks set url = 'https://hooks.example.com/countersign/' || id");
  database
    .prepare("update webhooks set attempts = 4, failing_since_ms = ?, next_attempt_at_ms = ? where id = 2")
    .run(nowMs - 2 * HOUR_MS, nowMs + HOUR_MS);
  database.exec("update webhooks set status = 'deactivated', disabled_reason = 'gone' where id = 3");
  const delivered = database.prepare(`insert into webhook_deliveries
    (webhook_id, seq, action, message_id, attempt, at_ms, outcome, http_status, duration_ms)
    values (1, ?, ?, ?, ?, ?, ?, ?, ?)`);
  for (const [seq, action, attempt, agoMs, outcome, status, durationMs] of [
    [48, "key.expiring", 1, 9 * DAY_MS, "delivered", 204, 41],
    [53, "key.found_weak", 1, 3 * HOUR_MS, "timed_out", null, 10_000],
    [53, "key.found_weak", 2, 3 * HOUR_MS - 15_000, "http_status", 503, 87],
    [53, "key.found_weak", 3, 3 * HOUR_MS - 25_000, "delivered", 204, 38],
    [55, "key.expiring", 1, 40 * 60_000, "delivered", 204, 52],
  ] as const) {
    delivered.run(seq, action, `msg_${seq}`, attempt, nowMs - agoMs, outcome, status, durationMs);
  }
  database.prepare("update webhooks set last_delivered_at_ms = ? where id = 1").run(nowMs - 40 * 60_000);
}

/** The rows of the keys of {@link USERS}, with the state that each should get. */
function keyRows(database: DatabaseSync) {
  const wanted = USERS.flatMap(([, , , keys]) => keys);
  const rows = database
    .prepare(
      "select k.id, k.user_id, u.account_id from public_keys k join api_users u on u.id = k.user_id order by k.id",
    )
    .all() as { id: number; user_id: number; account_id: number }[];
  return rows.map((row, at) => ({ ...row, ...wanted[at] }));
}

/** Tokens by the hour over the last days, more by day than by night, as the server itself would have counted them. */
function fillUsage(database: DatabaseSync, nowMs: number): void {
  const hourS = Math.floor(nowMs / HOUR_MS) * 3600;
  const add = (sql: string) => database.prepare(sql);
  const byKey = add("insert into key_usage_hours (key_id, hour_s, tokens) values (?, ?, ?)");
  const byAccount = add(`insert into account_usage_hours (account_id, hour_s, tokens) values (?, ?, ?)
    on conflict (account_id, hour_s) do update set tokens = tokens + excluded.tokens`);
  const inAll = add(`insert into usage_hours (hour_s, tokens) values (?, ?)
    on conflict (hour_s) do update set tokens = tokens + excluded.tokens`);
  const used = add("insert into key_usage (key_id, last_used_at_ms) values (?, ?)");
  const live = add("insert into key_expiries (account_id, user_id, key_id, expires_s, tokens) values (?, ?, ?, ?, ?)");
  const expires = add("update public_keys set expires_at_ms = ? where id = ?");
  for (const { id, user_id: userId, account_id: accountId, tokens = 0, expiresInDays, standing } of keyRows(database)) {
    if (expiresInDays !== undefined) expires.run(nowMs + expiresInDays * DAY_MS, id);
    if (standing !== undefined || expiresInDays === -3) used.run(id, nowMs - (3 + id) * DAY_MS);
    if (tokens === 0) continue;
    used.run(id, nowMs - 60_000 * ((id * 7) % 50));
    for (let ago = 0; ago < 14 * 24; ago++) {
      const hourOfDay = (hourS / 3600 - ago) % 24;
      // Fixed, so that screenshots don't differ without a reason: a wave over the day, and some unevenness.
      const part = 0.35 + 0.65 * Math.max(0, Math.sin(((hourOfDay - 5) / 24) * 2 * Math.PI));
      const count = Math.round(tokens * part * (0.8 + ((ago * 7919 + id * 104_729) % 40) / 100));
      if (count === 0) continue;
      byKey.run(id, hourS - ago * 3600, count);
      byAccount.run(accountId, hourS - ago * 3600, count);
      inAll.run(hourS - ago * 3600, count);
    }
    live.run(accountId, userId, id, Math.floor(nowMs / 1000) + 1800, Math.ceil(tokens / 2));
  }
}

/** What is known about keys: proofs, rotations, networks, weaknesses; and why clients were refused. The job that looks for weaknesses has just run. */
function fillTrust(database: DatabaseSync): void {
  const update = database.prepare(
    "update public_keys set proved_at_ms = ?, rotated_from = ?, networks = ?, weakness = ? where id = ?",
  );
  for (const { id, isProved, isRotated, networks, weakness } of keyRows(database)) {
    const provedAtMs = isProved === true ? Date.now() : null;
    update.run(provedAtMs, isRotated === true ? id - 1 : null, networks ?? null, weakness ?? null, id);
  }
  const refused = database.prepare("insert into refusal_hours (hour_s, code, refusals) values (?, ?, ?)");
  for (const [code, count] of Object.entries({
    assertion_expired: 61,
    key_deactivated: 24,
    assertion_rejected: 7,
    token_revoked: 3,
  })) {
    refused.run(Math.floor(Date.now() / HOUR_MS) * 3600, code, count);
  }
  database
    .prepare(`insert into jobs (name, holder, held_until_ms, ran_at_ms) values ('key-audit', '', 0, ?)
      on conflict (name) do update set ran_at_ms = excluded.ran_at_ms`)
    .run(Date.now());
}

/** Makes some keys unused for long, and tells the lists since when each key is. */
function fillIdleness(database: DatabaseSync, nowMs: number): void {
  const created = database.prepare("update public_keys set created_at_ms = ? where id = ?");
  const used = database.prepare("insert or replace into key_usage (key_id, last_used_at_ms) values (?, ?)");
  for (const { id, idleDays } of keyRows(database)) {
    if (idleDays === undefined) continue;
    created.run(nowMs - (idleDays + 60) * DAY_MS, id);
    used.run(id, nowMs - idleDays * DAY_MS);
  }
  database.exec(`update public_keys set idle_since_day = coalesce(
    (select last_used_at_ms from key_usage where key_id = public_keys.id), created_at_ms) / 86400000`);
}

/** Spreads everything over the last seven weeks, and computes the log's chain anew over the new times. */
function moveIntoPast(database: DatabaseSync, nowMs: number): void {
  const events = database.prepare("select * from audit_events order by seq").all() as {
    seq: number;
    actor: string;
    action: Parameters<typeof chainHash>[0]["action"];
    subject: string;
    details: string;
  }[];
  const update = database.prepare("update audit_events set at_ms = ?, previous_hash = ?, hash = ? where seq = ?");
  const createdAt = new Map<string, number>();
  let previousHash = CHAIN_START;
  for (const { seq, actor, action, subject, details } of events) {
    // Most of it is long ago, the latest minutes ago.
    const left = (events.length - seq) / events.length;
    const atMs = Math.round(nowMs - 4 * 60_000 - 49 * DAY_MS * left ** 1.5);
    const hash = chainHash({ seq, atMs, actor, action, subject, details: JSON.parse(details), previousHash });
    update.run(atMs, previousHash, hash, seq);
    previousHash = hash;
    if (!createdAt.has(subject)) createdAt.set(subject, atMs);
  }
  for (const [table, subject] of [
    ["accounts", "account"],
    ["api_users", "user"],
    ["public_keys", "key"],
    ["resource_servers", "resource_server"],
    ["operators", "operator"],
    ["invitations", "invitation"],
    ["admin_tokens", "admin_token"],
    ["webhooks", "webhook"],
  ] as const) {
    const set = database.prepare(`update ${table} set created_at_ms = ? where id = ?`);
    for (const [name, atMs] of createdAt) {
      const [kind, id = ""] = name.split(":");
      if (kind === subject) set.run(atMs, Number(id));
    }
  }
  database
    .prepare("update signing_keys set created_at_ms = ?, activated_at_ms = ? where number = 1")
    .run(nowMs - 49 * DAY_MS, nowMs - 49 * DAY_MS);
  database.prepare("update operators set last_signed_in_at_ms = ? - id * 5400000").run(nowMs);
  database.prepare("update admin_tokens set last_used_at_ms = ? where name = 'deploy-pipeline'").run(nowMs - HOUR_MS);
  database
    .prepare(
      "update operator_sessions set last_seen_at_ms = ? - id * 60000, created_at_ms = ? - id * 1800000, user_agent = ?",
    )
    .run(nowMs, nowMs, "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:147.0) Gecko/20100101 Firefox/147.0");
}

/** The service remembers its last events outside the store, and wouldn't start on a log whose events have other hashes. */
function rememberNewHashes(database: DatabaseSync, positionFile: string): void {
  const position = JSON.parse(readFileSync(positionFile, "utf8")) as { events: { seq: number }[] };
  const read = database.prepare("select at_ms as atMs, hash from audit_events where seq = ?");
  const events = position.events.map((event) => ({ ...event, ...read.get(event.seq) }));
  writeFileSync(positionFile, `${JSON.stringify({ ...position, events })}\n`);
}
