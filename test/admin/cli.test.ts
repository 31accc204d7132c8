/**
 * The command line as operators use it: every command's transcript, the output of `--json`, exit statuses, files and
 * their modes, and how a server starts and ends.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createPrivateKey, randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { addPublicKey, connectClient } from "../testkit/api-client.ts";
import { makeKeyPair } from "../testkit/rsa-keys.ts";
import { eventually } from "../testkit/eventually.ts";
import { canConnect, connectRaw, requestHead } from "../../packages/server/src/testing/raw-http.ts";
import { endWithThisProcess, environment, type ProgramResult, runProgram } from "../testkit/run-program.ts";
import { runCountersign } from "../testkit/run-countersign.ts";
import { assertFails, COUNTERSIGN, parseJsonLine, startServer, temporaryFolder } from "../testkit/server.ts";
import { signAssertion } from "../testkit/sign-assertion.ts";

const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/;
const pair = makeKeyPair();

type Run = (
  args: readonly string[],
  options?: { input?: string; env?: Record<string, string> },
) => Promise<ProgramResult>;

/** Runs `countersign` on a store in a folder. */
function commandLine(dataDir: string): Run {
  return (args, { input = "", env = {} } = {}) =>
    runCountersign(args, {
      input,
      env: environment({ COUNTERSIGN_DATA_DIR: dataDir, ...env }),
    });
}

/** The result of a command that succeeded; otherwise, the failure names what the command printed. */
function succeeded(result: ProgramResult): ProgramResult {
  assert.equal(result.status, 0, result.stderr);
  return result;
}

const json = async <Value>(run: Run, args: readonly string[], input = "") =>
  parseJsonLine(await run([...args, "--json"], { input })) as Value;

const modeOf = (file: string) => (statSync(file).mode & 0o777).toString(8);

// Each part has a store of its own; within a part, commands build on each other.
/** The members that accounts and API users share, and that are `null` until somebody sets them. */
const NOTES = ["description", "contact", "archived_at"];

describe("the command line", { concurrency: 3 }, () => {
  describe("transcripts", { concurrency: 1 }, () => {
    const dataDir = join(temporaryFolder(), "not", "there", "yet");
    const files = temporaryFolder();
    const run = commandLine(dataDir);
    const publicFile = join(files, "public.pem");

    test("account: create, list, deactivate and activate", async () => {
      for (const args of [
        ["account", "list"],
        ["key", "deactivate", "1"],
        ["audit", "verify"],
        ["check", "x"],
      ]) {
        assertFails(await run(args), 1, /there is no store in .*COUNTERSIGN_DATA_DIR.*account create/);
      }
      assert.ok(!existsSync(dataDir), "a mistyped folder isn't created");

      const created = await json<Record<string, unknown>>(run, ["account", "create", "acme", "--name", "Acme Ltd"]);
      const { created_at, ...rest } = created;
      const members = ["id", "shortname", "name", "status", "created_at", "key_age_max_seconds", ...NOTES];
      assert.deepEqual(Object.keys(created), members);
      const names = { shortname: "acme", name: "Acme Ltd" };
      const nothing = Object.fromEntries(NOTES.map((note) => [note, null]));
      assert.deepEqual(rest, { id: 1, ...names, status: "active", key_age_max_seconds: null, ...nothing });
      assert.match(String(created_at), TIME);

      const second = await run(["account", "create", "other"]);
      assert.equal(second.stdout, "account  other\nid       2\nname     other\n");
      assert.deepEqual(
        (await json<Record<string, unknown>>(run, ["account", "deactivate", "other"]))["status"],
        "deactivated",
      );
      const [list, table] = await Promise.all([
        json<Record<string, unknown>[]>(run, ["account", "list"]),
        run(["account", "list"]).then(succeeded),
      ]);
      assert.deepEqual(list[0], created);
      assert.deepEqual(
        list.map(({ shortname, status }) => [shortname, status]),
        [
          ["acme", "active"],
          ["other", "deactivated"],
        ],
      );
      assert.match(
        table.stdout,
        /^ID {2}SHORTNAME {2}NAME {6}STATUS {7}KEY AGE MAX {2}CREATED\n1 {3}acme {7}Acme Ltd {2}active {7}- {12}(just now|.* ago)\n2 {3}other {6}other {5}deactivated {2}- {12}(just now|.* ago)\n$/,
      );
      const activated = await run(["account", "activate", "other"]);
      assert.equal(activated.stdout, "other is active.\n");
    });

    test("account edit: changes the name and the maximum age of keys, and leaves what isn't named", async () => {
      const named = await run(["account", "edit", "other", "--name", "Other & Co"]);
      assert.equal(
        named.stdout,
        "account              other\nname                 Other & Co\nmaximum age of keys  -\n",
      );
      const aged = await json<Record<string, unknown>>(run, ["account", "edit", "other", "--key-age-max", "365d"]);
      assert.deepEqual([aged["name"], aged["key_age_max_seconds"]], ["Other & Co", 31_536_000]);
      assert.match((await run(["account", "list"])).stdout, /other {6}Other & Co {2}active {2}365d /);
      const both = await run(["account", "edit", "other", "--name", "other", "--key-age-max", "none"]);
      assert.equal(both.stdout, "account              other\nname                 other\nmaximum age of keys  -\n");
    });

    test("user: create, list, deactivate and activate", async () => {
      assert.match(
        (await run(["user", "list"])).stdout,
        /^No API users yet; create one with: countersign user create .*\n$/,
      );
      const created = await json<Record<string, unknown>>(run, ["user", "create", "demo", "--account", "acme"]);
      const { created_at, ...rest } = created;
      const members = ["id", "username", "account", "access", "status", "created_at", "may_rotate", "networks"];
      const notes = ["display_name", ...NOTES];
      assert.deepEqual(Object.keys(created), [...members, ...notes]);
      const names = { username: "api-1-demo", account: "acme", access: "full" };
      const nothing = Object.fromEntries(notes.map((note) => [note, null]));
      assert.deepEqual(rest, { id: 1, ...names, status: "active", may_rotate: false, networks: [], ...nothing });
      assert.match(String(created_at), TIME);

      const reader = await run(["user", "create", "reader", "--account", "other", "--read-only"]);
      assert.equal(
        reader.stdout,
        "username    api-2-reader\naccount     other\naccess      read_only\nmay rotate  no\nnetworks    any\n",
      );
      const off = await run(["user", "deactivate", "api-2-reader"]);
      assert.equal(off.stdout, "api-2-reader is deactivated.\n");
      const [list, table] = await Promise.all([
        json<Record<string, unknown>[]>(run, ["user", "list"]),
        run(["user", "list"]).then(succeeded),
      ]);
      assert.deepEqual(list[0], created);
      assert.deepEqual([list[1]?.["access"], list[1]?.["status"]], ["read_only", "deactivated"]);
      assert.match(
        table.stdout,
        /^ID {2}USERNAME {6}ACCOUNT {2}ACCESS {5}STATUS {7}MAY ROTATE {2}NETWORKS {2}CREATED\n1 {3}api-1-demo {4}acme/,
      );
      assert.equal(
        (await json<Record<string, unknown>>(run, ["user", "activate", "api-2-reader"]))["status"],
        "active",
      );
    });

    test("user create and edit: limit to networks, in canonical form, and allow rotation", async () => {
      const limits = ["--network", "192.0.2.0/24", "2001:DB8::/32,192.0.2.0/24", "--may-rotate"];
      const created = await json<Record<string, unknown>>(run, [
        "user",
        "create",
        "near",
        "--account",
        "acme",
        ...limits,
      ]);
      assert.deepEqual([created["networks"], created["may_rotate"]], [["192.0.2.0/24", "2001:db8::/32"], true]);
      assert.match((await run(["user", "list"])).stdout, /api-1-near .* yes {9}192\.0\.2\.0\/24 \+1 {2}/);
      const edited = await run([
        "user",
        "edit",
        "api-1-near",
        "--network",
        "::ffff:198.51.100.7",
        "--network",
        "10.0.0.0/8",
      ]);
      assert.equal(
        edited.stdout,
        "username    api-1-near\naccount     acme\naccess      full\nmay rotate  yes\nnetworks    198.51.100.7/32, 10.0.0.0/8\n",
      );
      const opened = await json<Record<string, unknown>>(run, [
        "user",
        "edit",
        "api-1-near",
        "--no-networks",
        "--no-may-rotate",
      ]);
      assert.deepEqual([opened["networks"], opened["may_rotate"]], [[], false]);
    });

    test("key: add from a file, from standard input and as an argument, list, deactivate, activate and revoke", async () => {
      writeFileSync(publicFile, pair.publicPem);
      assert.match(
        (await run(["key", "list", "api-1-demo"])).stdout,
        /^api-1-demo has no keys yet; add one with: .*\n$/,
      );
      const added = await json<Record<string, unknown>>(run, [
        "key",
        "add",
        "api-1-demo",
        publicFile,
        "--label",
        "build server",
        "--expires-in",
        "90d",
      ]);
      assert.deepEqual(Object.keys(added), [
        "id",
        "username",
        "fingerprint",
        "thumbprint",
        "bits",
        "label",
        "status",
        "created_at",
        "expires_at",
        "last_used_at",
        "proved_at",
        "rotated_from",
        "networks",
        "weakness",
      ]);
      const { id, username, bits, label, status, last_used_at } = added;
      assert.deepEqual(
        { id, username, bits, label, status, last_used_at },
        { id: 1, username: "api-1-demo", bits: 2048, label: "build server", status: "active", last_used_at: null },
      );
      assert.match(String(added["fingerprint"]), /^SHA256:[A-Za-z0-9+/]{43}$/);
      assert.match(String(added["thumbprint"]), /^[A-Za-z0-9_-]{43}$/);
      const days = (Date.parse(String(added["expires_at"])) - Date.parse(String(added["created_at"]))) / 86_400_000;
      assert.equal(days, 90);

      const [piped, argument] = [makeKeyPair(), makeKeyPair()];
      const second = await run(["key", "add", "api-1-demo", "-"], { input: piped.publicPem });
      assert.match(
        second.stdout,
        /^key {10}2\nusername {5}api-1-demo\nfingerprint {2}SHA256:[A-Za-z0-9+/]{43}\nbits {9}2048\nexpires {6}never\npossession {3}not proved\n$/,
      );
      const third = await json<Record<string, unknown>>(run, ["key", "add", "api-1-demo", argument.publicPem]);
      assert.deepEqual([third["id"], third["label"], third["expires_at"]], [3, null, null]);

      assert.equal((await run(["key", "deactivate", "2"])).stdout, "Key 2 of api-1-demo is deactivated.\n");
      assert.equal((await run(["key", "activate", "2"])).stdout, "Key 2 of api-1-demo is active.\n");
      assert.equal((await run(["key", "revoke", "--yes", "2"])).stdout, "Key 2 of api-1-demo is revoked.\n");
      assert.equal((await json<Record<string, unknown>>(run, ["key", "deactivate", "3"]))["status"], "deactivated");
      const [list, table] = await Promise.all([
        json<Record<string, unknown>[]>(run, ["key", "list", "api-1-demo"]),
        run(["key", "list", "api-1-demo"]),
      ]);
      assert.deepEqual(
        list.map((key) => [key["id"], key["status"]]),
        [
          [1, "active"],
          [2, "revoked"],
          [3, "deactivated"],
        ],
      );
      assert.deepEqual(list[0], added);
      assert.match(
        table.stdout,
        /^ID {2}LABEL {9}BITS {2}STATUS {7}CREATED .*LAST USED {2}POSSESSION {2}NETWORKS {2}FINGERPRINT\n1 {3}build server {2}2048 {2}active .* in [23] months? .*never .*not proved .*SHA256:/,
      );
    });

    test("key edit: changes label, expiry and networks, and leaves what isn't named", async () => {
      const limited = await json<Record<string, unknown>>(run, [
        "key",
        "edit",
        "3",
        "--network",
        "192.0.2.7",
        "--label",
        "ci",
      ]);
      assert.deepEqual([limited["networks"], limited["label"], limited["expires_at"]], [["192.0.2.7/32"], "ci", null]);
      const expiring = await run(["key", "edit", "3", "--expires-in", "90d"]);
      assert.match(
        expiring.stdout,
        /^key {7}3\nusername {2}api-1-demo\nlabel {5}ci\nexpires {3}in [23] months\nnetworks {2}192\.0\.2\.7\/32\n$/,
      );
      assert.match((await run(["key", "list", "api-1-demo"])).stdout, /^3 {3}ci .* 192\.0\.2\.7\/32 {2}SHA256:/m);
      const nothing = ["--no-label", "--no-expiry", "--no-networks"];
      const undone = await json<Record<string, unknown>>(run, ["key", "edit", "3", ...nothing]);
      assert.deepEqual([undone["networks"], undone["label"], undone["expires_at"]], [[], null, null]);
    });

    test("key generate writes a PKCS#8 PEM that only its owner can read, and never overwrites", async () => {
      const file = join(files, "private.pem");
      const made = await json<Record<string, unknown>>(run, [
        "key",
        "generate",
        "api-1-demo",
        "--out",
        file,
        "--bits",
        "3072",
      ]);
      assert.equal(made["bits"], 3072);
      assert.equal(modeOf(file), "600");
      const pem = readFileSync(file, "utf8");
      assert.match(pem, /^-----BEGIN PRIVATE KEY-----\n/);
      assert.equal(createPrivateKey(pem).asymmetricKeyDetails?.modulusLength, 3072);

      assertFails(
        await run(["key", "generate", "api-1-demo", "--out", file]),
        1,
        /already exists and isn't overwritten/,
      );
      assert.equal(readFileSync(file, "utf8"), pem);
      const none = join(files, "none.pem");
      assertFails(
        await run(["key", "generate", "api-1-nobody", "--out", none]),
        1,
        /There is no API user api-1-nobody\./,
      );
      assert.ok(!existsSync(none), "a private key without its public half isn't left behind");
      assert.equal((await json<unknown[]>(run, ["key", "list", "api-1-demo"])).length, 4);
    });

    test("key list shows all users' keys, and those that expire or weren't used", async () => {
      const idsOf = async (...args: readonly string[]) =>
        (await json<{ id: number }[]>(run, ["key", "list", ...args])).map(({ id }) => id);
      const [all, expiring, soon, unused, ofUser, table, none, wrong, unknown] = await Promise.all([
        idsOf(),
        idsOf("--expiring", "91d"),
        idsOf("--expiring", "89d"),
        idsOf("--unused", "1ms"),
        idsOf("api-1-demo", "--expiring", "91d", "--unused", "1ms"),
        run(["key", "list"]),
        run(["key", "list", "--unused", "1d"]),
        run(["key", "list", "--unused", "soon"]),
        run(["key", "list", "api-9-nobody", "--unused", "1d"]),
      ]);
      assert.deepEqual(all, [1, 2, 3, 4]);
      assert.deepEqual(expiring, [1]);
      assert.deepEqual(soon, []);
      assert.deepEqual(unused, [1, 4], "active ones only");
      assert.deepEqual(ofUser, [1]);
      assert.match(table.stdout, /^ID {2}USERNAME {4}LABEL {9}BITS .*\n1 {3}api-1-demo {2}build server {2}2048 /);
      assert.equal(none.stdout, "No such keys.\n");
      assertFails(wrong, 2, /A duration must be/);
      assertFails(unknown, 1, /There is no API user api-9-nobody\./);
    });

    test("token, check and explain against a running server, and the key's last use", async () => {
      const server = await startServer({ dataDir });
      const privateFile = join(files, "client.pem");
      writeFileSync(privateFile, pair.privatePem, { mode: 0o600 });
      const asClient = ["token", "--username", "api-1-demo", "--key", privateFile, "--url", server.publicUrl];
      const [granted, bare, short] = await Promise.all([
        json<{ token: string; expires_in: number; expires_at: number }>(run, [...asClient, "--ttl", "900"]),
        run(asClient),
        run([...asClient, "--ttl", "600"]),
      ]);
      assert.deepEqual(Object.keys(granted), ["token", "expires_in", "expires_at"]);
      assert.equal(granted.expires_in, 900);
      assert.match(bare.stdout, /^1\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}\n$/);
      assert.equal(bare.stderr, "");
      assert.match(short.stderr, /^countersign: warning: A ttl below 900 s .*\n$/);
      assert.equal(short.status, 0);

      const token = bare.stdout.trim();
      const [good, text, piped] = await Promise.all([
        json<Record<string, unknown>>(run, ["check", granted.token]),
        run(["check", token]),
        run(["check", "-"], { input: `${token}\n` }),
      ]);
      const { expires_at, ...rest } = good;
      assert.deepEqual(Object.keys(good), [
        "active",
        "username",
        "user_id",
        "account",
        "access",
        "key_id",
        "expires_at",
      ]);
      assert.deepEqual(rest, {
        active: true,
        username: "api-1-demo",
        user_id: 1,
        account: "acme",
        access: "full",
        key_id: 1,
      });
      assert.equal(Date.parse(String(expires_at)), Math.ceil(granted.expires_at) * 1000);
      assert.equal(
        text.stdout.replace(/in .*\n$/, "in …\n"),
        "token     active\nusername  api-1-demo\naccount   acme\naccess    full\nkey       1\nexpires   in …\n",
      );
      assert.equal(piped.status, 0);

      const assertion = signAssertion("api-1-demo", pair.privateKey);
      const explained = await run(["explain", assertion]);
      assert.equal(explained.status, 0);
      assert.match(explained.stdout, /^ok {4}parts .*\n((ok|note) .*\n)+\nThe exchange would accept it\.\n$/);
      const steps = await json<{ accepted: boolean; code: null; steps: { check: string; outcome: string }[] }>(
        run,
        ["explain", "-"],
        `Authorization: JWT ${assertion}\n`,
      );
      assert.deepEqual(Object.keys(steps), ["accepted", "code", "steps"]);
      assert.deepEqual([steps.accepted, steps.code], [true, null]);
      assert.deepEqual(
        steps.steps.filter(({ outcome }) => outcome !== "note").map(({ check, outcome }) => `${check} ${outcome}`),
        ["scheme", "parts", "header", "claims", "time", "user", "key", "standing"].map((check) => `${check} passed`),
      );

      await json(run, ["key", "deactivate", "1"]);
      const headers = { authorization: `Token ${token}` };
      await eventually("the server refuses the token", async () => {
        return (await fetch(`${server.publicUrl}/api/auth/v0/check/`, { headers })).status === 403;
      });
      const [off, offText, refused, elsewhere] = await Promise.all([
        run(["check", token, "--json"]),
        run(["check", token]),
        run(asClient),
        run([...asClient.slice(0, 5), "--url", "http://127.0.0.1:2"]),
      ]);
      assert.deepEqual([off.status, off.stdout, off.stderr], [1, '{"active":false,"reason":"key_deactivated"}\n', ""]);
      assert.deepEqual(
        [offText.status, offText.stdout],
        [1, "inactive: key_deactivated\nThe key under which it was minted is deactivated.\n"],
      );
      assertFails(refused, 1, /^countersign: key_deactivated: The key that signed the assertion is deactivated\. /);
      assertFails(elsewhere, 1, /http:\/\/127\.0\.0\.1:2 can't be reached \(ECONNREFUSED\)/);
      await json(run, ["key", "activate", "1"]);

      assert.deepEqual(await server.stop(), { status: 0, signal: null });
      const [used] = await json<Record<string, unknown>[]>(run, ["key", "list", "api-1-demo"]);
      assert.match(String(used?.["last_used_at"]), TIME);
    });

    test("resource-server: create, list, rotate, deactivate and activate; the secret is shown once", async () => {
      assert.match(
        (await run(["resource-server", "list"])).stdout,
        /^No resource servers yet; create one with: countersign resource-server create <name>\n$/,
      );
      const SECRET = /^csrs_[0-9A-Za-z]{49}$/;
      const NOTE = "The secret is shown only once; the store keeps a hash of it.\n";
      const made = await run(["resource-server", "create", "shop", "--json"]);
      assert.equal(made.stderr, NOTE, "a note, which isn't the result");
      const created = JSON.parse(made.stdout) as Record<string, unknown>;
      const { client_secret, created_at, ...rest } = created;
      assert.deepEqual(Object.keys(created), [
        "client_id",
        "client_secret",
        "name",
        "status",
        "created_at",
        "previous_secret_ends_at",
      ]);
      assert.match(String(client_secret), SECRET);
      assert.match(String(created_at), TIME);
      assert.deepEqual(rest, { client_id: "rs-1", name: "shop", status: "active", previous_secret_ends_at: null });
      const second = await run(["resource-server", "create", "orders"]);
      assert.match(second.stdout, /^client_id {6}rs-2\nclient_secret {2}csrs_[0-9A-Za-z]{49}\nname {11}orders\n$/);
      assert.equal(second.stderr, NOTE);

      const rotated = await json<Record<string, unknown>>(run, ["resource-server", "rotate", "shop", "--grace", "15m"]);
      assert.match(String(rotated["client_secret"]), SECRET);
      assert.notEqual(rotated["client_secret"], client_secret);
      const graceMs = Date.parse(String(rotated["previous_secret_ends_at"])) - Date.now();
      assert.ok(graceMs > 13 * 60_000 && graceMs <= 15 * 60_000, `${graceMs} ms`);
      const text = await run(["resource-server", "rotate", "orders"]);
      assert.match(text.stdout, /^client_id {6}rs-2\nclient_secret {2}csrs_/);

      assert.equal((await run(["resource-server", "deactivate", "orders"])).stdout, "orders is deactivated.\n");
      assert.equal(
        (await json<Record<string, unknown>>(run, ["resource-server", "deactivate", "shop"]))["status"],
        "deactivated",
      );
      assert.equal((await run(["resource-server", "activate", "shop"])).stdout, "shop is active.\n");
      const [list, table] = await Promise.all([
        run(["resource-server", "list", "--json"]),
        run(["resource-server", "list"]),
      ]);
      assert.deepEqual(
        (JSON.parse(list.stdout) as Record<string, unknown>[]).map((each) => [
          Object.keys(each).includes("client_secret"),
          each["client_id"],
          each["name"],
          each["status"],
          each["previous_secret_ends_at"],
        ]),
        [
          [false, "rs-1", "shop", "active", rotated["previous_secret_ends_at"]],
          [false, "rs-2", "orders", "deactivated", null],
        ],
      );
      assert.equal(table.stderr, "");
      assert.doesNotMatch(list.stdout + table.stdout, /csrs_|[0-9a-f]{64}/, "neither a secret nor its hash");
      assert.match(
        table.stdout,
        /^CLIENT_ID {2}NAME {4}STATUS {7}CREATED\nrs-1 {7}shop {4}active {7}(just now|.* ago)\nrs-2 {7}orders {2}deactivated {2}(just now|.* ago)\n$/,
      );
    });

    test("audit: every change is listed with its author, newest last, and the chain verifies", async () => {
      const events = await json<Record<string, unknown>[]>(run, ["audit", "list"]);
      assert.deepEqual(Object.keys(events[0] ?? {}), [
        "seq",
        "at",
        "actor",
        "action",
        "subject",
        "details",
        "previous_hash",
        "hash",
      ]);
      assert.deepEqual(
        events.slice(0, 4).map(({ seq, action, subject }) => [seq, action, subject]),
        [
          [1, "account.created", "account:1"],
          [2, "account.created", "account:2"],
          [3, "account.deactivated", "account:2"],
          [4, "account.activated", "account:2"],
        ],
      );
      assert.match(String(events[0]?.["actor"]), /^cli:./);
      const [table, two, verified, text] = await Promise.all([
        run(["audit", "list"]),
        json<{ seq: number }[]>(run, ["audit", "list", "--limit", "2"]),
        json<Record<string, unknown>>(run, ["audit", "verify"]),
        run(["audit", "verify"]),
      ]);
      assert.match(table.stdout, /^SEQ {2}WHEN .*ACTOR .*ACTION .*SUBJECT .*NAME\n1 /);
      assert.deepEqual(
        two.map(({ seq }) => seq),
        events.slice(-2).map(({ seq }) => seq),
      );
      const hash = events.at(-1)?.["hash"];
      assert.deepEqual(verified, { ok: true, events: events.length, last_hash: hash });
      assert.equal(text.stdout, `whole: ${events.length} events, last hash ${String(hash)}\n`);
    });
  });

  describe("wrong usage", { concurrency: 1 }, () => {
    const dataDir = join(temporaryFolder(), "data");
    const run = commandLine(dataDir);

    test("an unknown command, a missing argument or an unknown option exits with status 2 and one line", async () => {
      assertFails(await run(["nope"]), 2, /unknown command 'nope'/);
      assertFails(await run(["account", "create"]), 2, /missing required argument 'shortname'/);
      assertFails(await run(["serve", "--nope"]), 2, /unknown option '--nope'/);
    });

    for (const [variable, value, says] of [
      ["COUNTERSIGN_PORT", "http", /^countersign: COUNTERSIGN_PORT: a whole number from 0 to 65535 is needed\n$/],
      ["COUNTERSIGN_PROT", "1", /^countersign: COUNTERSIGN_PROT: no such variable; known are COUNTERSIGN_HOST, /],
      [
        "COUNTERSIGN_MASTER_SECRET",
        "c2hvcnQ=",
        /^countersign: COUNTERSIGN_MASTER_SECRET: 32 bytes in base64 are needed/,
      ],
      ["COUNTERSIGN_MASTER_SECRET_FILE", "/nonexistent", /^countersign: COUNTERSIGN_MASTER_SECRET_FILE: .*ENOENT/],
      [
        "COUNTERSIGN_DATABASE_URL",
        "mysql://u:p@h/x",
        /^countersign: COUNTERSIGN_DATABASE_URL: a URL that begins with postgres:/,
      ],
    ] as const) {
      test(`${variable} set wrong stops the server and every command with one line that names it`, async () => {
        for (const args of [variable.endsWith("PORT") ? ["account", "list"] : ["serve"]]) {
          assertFails(await run(args, { env: { [variable]: value } }), 2, says);
        }
      });
    }

    test("an unreachable PostgreSQL fails a command with one line that names it, without the password", async () => {
      const url = "postgres://hugo:hunter2@127.0.0.1:9/registry";
      const result = await run(["account", "list"], { env: { COUNTERSIGN_DATABASE_URL: url } });
      assertFails(result, 1, /^countersign: the PostgreSQL database at 127\.0\.0\.1:9\/registry .*ECONNREFUSED/);
      assert.doesNotMatch(result.stderr, /hunter2/);
    });

    test("help and version go to standard output with status 0, for the program and a command", async () => {
      for (const [args, says] of [
        [["--help"], /^Usage: countersign /],
        [["key", "add", "--help"], /^Usage: countersign key add [\s\S]*COUNTERSIGN_DATA_DIR/],
        [["serve", "--help"], /--refusal-limit <number>[\s\S]*COUNTERSIGN_REFUSAL_LIMIT/],
        [["--version"], /^[0-9]+\.[0-9]+\.[0-9]+\n$/],
      ] as [string[], RegExp][]) {
        const { status, stdout, stderr } = await run(args);
        assert.deepEqual([status, stderr], [0, ""]);
        assert.match(stdout, says);
      }
    });

    test("without a command, the exit status is 2, with the help on standard error", async () => {
      for (const args of [[], ["key"]]) {
        const { status, stdout, stderr } = await run(args);
        assert.deepEqual([status, stdout], [2, ""]);
        assert.match(stderr, /^Usage: countersign/);
      }
    });

    after(() => {
      assert.ok(!existsSync(dataDir), "wrong usage makes no store");
    });
  });

  describe("terminals", { concurrency: 1 }, () => {
    const dataDir = join(temporaryFolder(), "data");
    const run = commandLine(dataDir);
    before(() => json(run, ["account", "create", "acme"]));

    // eslint-disable-next-line no-control-regex
    const hasColour = (text: string) => /\u001b\[[0-9;]*m/.test(text);

    test("piped output has no colours, whatever the terminal supports", async () => {
      for (const env of [{}, { TERM: "xterm-256color", COLORTERM: "truecolor" }] as Record<string, string>[]) {
        assert.ok(!hasColour((await run(["account", "list"], { env })).stdout));
      }
    });

    const isScriptThere = process.platform === "linux" && existsSync("/usr/bin/script");
    const skip = isScriptThere ? false : "needs util-linux's script for a pseudo-terminal";

    /** The output on a terminal of this kind. */
    async function onTerminal(command: string, env: Record<string, string>): Promise<string> {
      const words = [process.execPath, COUNTERSIGN].map((word) => `'${word}'`).join(" ");
      const { stdout, status } = await runProgram("/usr/bin/script", ["-qec", `${words} ${command}`, "/dev/null"], {
        // Node takes a terminal for colourless where CI is set.
        env: environment({
          COUNTERSIGN_DATA_DIR: dataDir,
          TERM: "xterm-256color",
          NO_COLOR: undefined,
          CI: undefined,
          ...env,
        }),
      });
      assert.equal(status, 0, stdout);
      return stdout;
    }

    test("a terminal gets colours, unless NO_COLOR is set or it supports none", { skip }, async () => {
      const coloured = await onTerminal("account list", {});
      assert.ok(coloured.includes("\u001b[32mactive\u001b[39m"), coloured);
      assert.ok(!hasColour(await onTerminal("account list", { NO_COLOR: "1" })));
      assert.ok(!hasColour(await onTerminal("account list", { TERM: "dumb" })));
    });

    test("--json is the same on a terminal", { skip }, async () => {
      const text = await onTerminal("account list --json", {});
      assert.ok(!hasColour(text));
      assert.deepEqual(JSON.parse(text), await json(run, ["account", "list"]));
    });
  });

  describe("files", { concurrency: 1 }, () => {
    test("only the owner can read the folder, store, master key, private keys and backups, whatever the umask", async () => {
      const folder = temporaryFolder();
      const dataDir = join(folder, "data");
      const privateFile = join(folder, "private.pem");
      const backup = join(folder, "backup.db");
      const script = [
        'umask 000; "$@" account create acme',
        '"$@" user create demo --account acme',
        `"$@" key generate api-1-demo --out '${privateFile}'`,
        '"$@" check x',
        `"$@" backup '${backup}'`,
      ].join("; ");
      const { stderr } = await runProgram("/bin/sh", ["-c", script, "sh", process.execPath, COUNTERSIGN], {
        env: environment({ COUNTERSIGN_DATA_DIR: dataDir }),
      });
      assert.equal(modeOf(dataDir), "700", stderr);
      for (const file of [privateFile, backup]) assert.equal(modeOf(file), "600", file);
      const inside = readdirSync(dataDir);
      assert.ok(inside.includes("master.key") && inside.includes("countersign.db"), String(inside));
      for (const file of inside) assert.equal(modeOf(join(dataDir, file)), "600", file);
    });

    test("only the owner can read the files beside the store of a running server", async () => {
      const server = await startServer();
      for (const file of readdirSync(server.dataDir)) {
        const path = join(server.dataDir, file);
        // A file is written beside the one that it replaces, and may have taken its place by now.
        const stats = statSync(path, { throwIfNoEntry: false });
        if (stats !== undefined) assert.equal((stats.mode & 0o777).toString(8), "600", file);
      }
      assert.match(readFileSync(join(server.dataDir, "master.key"), "utf8"), /^[A-Za-z0-9+/]{43}=\n$/);
      await server.stop();
    });

    test("a backup taken while the server runs is a complete store: once accepted, a server starts on it, and earlier tokens are dead", async () => {
      const server = await startServer();
      await server.json("account", "create", "acme");
      const { username } = await server.json<{ username: string }>("user", "create", "demo", "--account", "acme");
      const keyId = await addPublicKey(server, username, pair.publicPem);
      const client = await connectClient(server.publicUrl, username, pair.privateKey);
      const token = await client.token();

      const folder = temporaryFolder();
      const file = join(folder, "countersign.db");
      const { status, stdout, stderr } = await server.cli("backup", file, "--json");
      assert.equal(status, 0, stderr);
      assert.deepEqual(JSON.parse(stdout), { file, bytes: statSync(file).size });
      assert.match(stderr, /^countersign: note: the copy doesn't contain the master secret; .*\n$/);
      assert.deepEqual(readdirSync(folder), ["countersign.db"], "nothing half-done is left beside it");
      assertFails(await server.cli("backup", file), 1, /already exists and isn't overwritten/);
      await server.json("key", "deactivate", String(keyId));

      chmodSync(folder, 0o700);
      writeFileSync(join(folder, "master.key"), readFileSync(join(server.dataDir, "master.key")), { mode: 0o600 });
      const run = commandLine(folder);
      assertFails(
        await run(["serve", "--port", "0", "--admin-port", "0"]),
        1,
        /is a backup of .*countersign store accept/,
      );
      assert.equal((await run(["store", "accept", "--yes", "--json"])).status, 0);
      const restored = await startServer({ dataDir: folder });
      const there = await connectClient(restored.publicUrl, username, pair.privateKey);
      assert.equal((await there.check(token)).status, 401, "its key may have been revoked since");
      assert.equal((await there.exchange()).status, 200, "as it was when the copy was made");
      assert.equal((await client.exchange()).status, 403, "the original isn't touched");
      assert.equal((await restored.cli("audit", "verify")).status, 0);
      client.connection.end();
      there.connection.end();
      await Promise.all([restored.stop(), server.stop()]);
    });

    test("a data folder that is a file, or that can't be created, is refused in one line that names it", async () => {
      const folder = temporaryFolder();
      const file = join(folder, "file");
      writeFileSync(file, "");
      for (const args of [
        ["serve", "--port", "0", "--admin-port", "0"],
        ["account", "create", "x"],
      ]) {
        assertFails(await commandLine(file)(args), 1, /file is not a folder; name one in COUNTERSIGN_DATA_DIR/);
        assertFails(await commandLine(join(file, "x"))(args), 1, /can't be made or read .*COUNTERSIGN_DATA_DIR/);
        if (process.platform !== "linux") continue;
        assertFails(await commandLine("/proc/none/x")(args), 1, /can't be made or read .*COUNTERSIGN_DATA_DIR/);
      }
    });

    test("a store that isn't a SQLite file is refused in one line that names it, and isn't changed", async () => {
      const folder = temporaryFolder();
      const file = join(folder, "countersign.db");
      writeFileSync(file, "something else, longer than a header of a hundred bytes ".repeat(20), { mode: 0o600 });
      const before = readFileSync(file, "utf8");
      assertFails(await commandLine(folder)(["account", "list"]), 1, /not a database/);
      assert.equal(readFileSync(file, "utf8"), before);
    });
  });

  describe("the server's life", { concurrency: 1 }, () => {
    test("the ready line is the only line on standard output, and says where both listeners are", async () => {
      const server = await startServer();
      const client = await fetch(`${server.publicUrl}/livez`);
      assert.equal(client.status, 200);
      const ready = JSON.parse(server.stdout()) as Record<string, unknown>;
      assert.deepEqual(Object.keys(ready), ["event", "public_url", "admin_url", "store", "pid"]);
      assert.deepEqual([ready["event"], ready["store"], ready["pid"]], ["ready", "sqlite", server.pid]);
      for (const url of [server.publicUrl, server.adminUrl]) assert.match(url, /^http:\/\/127\.0\.0\.1:[1-9][0-9]*$/);
      assert.notEqual(server.publicUrl, server.adminUrl);
      assert.deepEqual(await server.stop(), { status: 0, signal: null });
      assert.match(server.stdout(), /^[^\n]+\n$/);
      for (const line of server.stderr().trimEnd().split("\n")) JSON.parse(line);
    });

    test("the ready line and the answers name the configured public URL", async () => {
      const server = await startServer({
        flags: ["--public-url", "https://auth.example.com/base/", "--host", "localhost"],
      });
      assert.equal(server.publicUrl, "https://auth.example.com/base");
      await server.stop();
    });

    test("a taken port is refused in one line that names it, on either listener", async () => {
      const server = await startServer();
      const [port, adminPort] = [server.publicUrl, server.adminUrl].map((url) => new URL(url).port) as [string, string];
      const run = commandLine(temporaryFolder());
      const [first, second] = await Promise.all([
        run(["serve", "--port", port, "--admin-port", "0", "--log-level", "silent"]),
        run(["serve", "--port", "0", "--admin-port", adminPort]),
      ]);
      assertFails(
        first,
        1,
        new RegExp(`^countersign: can't listen on 127\\.0\\.0\\.1 port ${port}: the port is in use\n$`),
      );
      assertFails(
        second,
        1,
        new RegExp(`^countersign: can't listen on 127\\.0\\.0\\.1 port ${adminPort}: the port is in use\n$`),
      );
      await server.stop();
    });

    test("an address that this machine doesn't have, or an unknown host, is refused in one line that names it", async () => {
      const run = commandLine(temporaryFolder());
      const serve = ["serve", "--port", "0", "--admin-port", "0"];
      assertFails(
        await run([...serve, "--host", "192.0.2.1"]),
        1,
        /192\.0\.2\.1 port 0: this machine doesn't have the address/,
      );
      assertFails(await run([...serve, "--host", "does-not-exist.invalid"]), 1, /does-not-exist\.invalid port 0: /);
    });

    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      test(`${signal}: a request under way gets its answer, nothing new is accepted, and the status is 0`, async () => {
        const { child, publicUrl, ended } = await serve();
        const { connection, body } = await requestUnderWay(publicUrl);
        const idle = await connectRaw(publicUrl);
        child.kill(signal);
        await eventually("new connections are refused", async () => !(await canConnect(publicUrl)));
        assert.equal(await idle.closed(), "", "an idle connection is closed");
        connection.write(body);
        const answer = await connection.answer();
        assert.equal(answer.status, 200);
        assert.deepEqual(await ended, [0, null]);
      });
    }

    test("a second signal ends the server at once, with the signal's exit status", async () => {
      const { child, publicUrl, ended } = await serve();
      const { connection } = await requestUnderWay(publicUrl);
      child.kill("SIGTERM");
      await eventually("new connections are refused", async () => !(await canConnect(publicUrl)));
      // A signal within 100 ms counts as an echo of the first.
      await eventually("it ends", () => {
        child.kill("SIGTERM");
        return child.exitCode ?? undefined;
      });
      // Draining would have ended with 0.
      assert.deepEqual(await ended, [1, null]);
      connection.end();
    });

    test("a signal before the server is ready also ends it", async () => {
      const child = spawn(process.execPath, [COUNTERSIGN, "serve", "--port", "0", "--admin-port", "0"], {
        env: environment({ COUNTERSIGN_DATA_DIR: temporaryFolder() }),
        stdio: ["ignore", "pipe", "pipe"],
      });
      endWithThisProcess(child);
      const ended = once(child, "close");
      await once(child, "spawn");
      child.kill("SIGTERM");
      const [status, signal] = await ended;
      assert.ok(status === 0 || signal === "SIGTERM", `${status} ${signal}`);
    });
  });

  describe("the master secret", { concurrency: 1 }, () => {
    const secrets = [1, 2].map(() => randomBytes(32).toString("base64")) as [string, string];
    const [old, next] = secrets;

    async function storeWithToken(env: Record<string, string>) {
      const server = await startServer({ env });
      await server.json("account", "create", "acme");
      const { username } = await server.json<{ username: string }>("user", "create", "demo", "--account", "acme");
      await addPublicKey(server, username, pair.publicPem);
      const client = await connectClient(server.publicUrl, username, pair.privateKey);
      const token = await client.token();
      client.connection.end();
      await server.stop();
      return { dataDir: server.dataDir, username, token };
    }

    const serveArgs = ["serve", "--port", "0", "--admin-port", "0", "--log-level", "silent"];

    test("made by the first start is never made again: without it, an existing store doesn't start", async () => {
      const { dataDir, token, username } = await storeWithToken({});
      const [file, away] = ["master.key", "away"].map((name) => join(dataDir, name)) as [string, string];
      renameSync(file, away);
      const run = commandLine(dataDir);
      for (const args of [serveArgs, ["check", token]]) {
        assertFails(await run(args), 1, /master\.key is missing, .*restore it, or set COUNTERSIGN_MASTER_SECRET/);
        assert.ok(!existsSync(file));
      }
      // Commands that don't need it still work.
      assert.equal((await run(["user", "list"])).status, 0);

      writeFileSync(file, `${randomBytes(32).toString("base64")}\n`, { mode: 0o600 });
      assertFails(await run(serveArgs), 1, /the master secret doesn't belong to this store/);
      writeFileSync(file, "damaged\n");
      assertFails(await run(serveArgs), 1, /master\.key is damaged: it must hold 32 bytes in base64/);
      rmSync(file);
      renameSync(away, file);
      chmodSync(file, 0o644);
      assertFails(
        await run(serveArgs),
        1,
        /master\.key has the mode 0644 and can be read or written by other users; run chmod 600 on it/,
      );
      chmodSync(file, 0o600);

      const server = await startServer({ dataDir });
      const client = await connectClient(server.publicUrl, username, pair.privateKey);
      assert.equal((await client.check(token)).status, 200, "once restored, earlier tokens are valid again");
      client.connection.end();
      await server.stop();
    });

    test("in the configuration is kept out of the data folder; a wrong one stops the start, and a list with a new one works", async () => {
      const { dataDir, token, username } = await storeWithToken({ COUNTERSIGN_MASTER_SECRET: old });
      assert.ok(!existsSync(join(dataDir, "master.key")));
      const run = commandLine(dataDir);
      const wrong = await run(serveArgs, { env: { COUNTERSIGN_MASTER_SECRET: next } });
      assertFails(wrong, 1, /the master secret doesn't belong to this store: signing key 1 /);
      for (const secret of secrets) assert.ok(!wrong.stderr.includes(secret));
      assertFails(await run(serveArgs), 1, /master\.key is missing/);

      const file = join(temporaryFolder(), "secrets");
      writeFileSync(file, `${next},${old}\n`, { mode: 0o600 });
      for (const env of [
        { COUNTERSIGN_MASTER_SECRET: `${next},${old}` },
        { COUNTERSIGN_MASTER_SECRET: `${old}, ${next}` },
        { COUNTERSIGN_MASTER_SECRET_FILE: file },
      ] as Record<string, string>[]) {
        const server = await startServer({ dataDir, env });
        const client = await connectClient(server.publicUrl, username, pair.privateKey);
        assert.equal((await client.check(token)).status, 200);
        assert.equal((await client.check(await client.token())).status, 200);
        client.connection.end();
        await server.stop();
      }
    });

    test("made by two first starts at once is the same for both", async () => {
      const dataDir = temporaryFolder();
      const servers = await Promise.all([startServer({ dataDir }), startServer({ dataDir })]);
      const [first, second] = servers;
      await first.json("account", "create", "acme");
      const { username } = await first.json<{ username: string }>("user", "create", "demo", "--account", "acme");
      await addPublicKey(first, username, pair.publicPem);
      const [here, there] = await Promise.all(
        servers.map(({ publicUrl }) => connectClient(publicUrl, username, pair.privateKey)),
      );
      assert.ok(here && there);
      const token = await eventually("the second server knows the user", async () => {
        const answer = await there.exchange();
        return answer.status === 200 ? (JSON.parse(answer.body) as { data: { token: string } }).data.token : undefined;
      });
      assert.equal((await here.check(token)).status, 200);
      assert.equal((await there.check(await here.token())).status, 200);
      here.connection.end();
      there.connection.end();
      await Promise.all([first.stop(), second.stop()]);
    });
  });
});

/** A server as a plain child process, for tests of how it ends. */
async function serve() {
  const dataDir = temporaryFolder();
  mkdirSync(dataDir, { recursive: true });
  const child = spawn(process.execPath, [COUNTERSIGN, "serve", "--port", "0", "--admin-port", "0"], {
    env: environment({ COUNTERSIGN_DATA_DIR: dataDir }),
    stdio: ["ignore", "pipe", "ignore"],
  });
  endWithThisProcess(child);
  const ended = once(child, "exit");
  const [line] = (await Promise.race([
    once(child.stdout.setEncoding("utf8"), "data"),
    ended.then(([status]) => assert.fail(`countersign serve ended with status ${status} before it was ready`)),
  ])) as [string];
  return { child, ended, publicUrl: (JSON.parse(line) as { public_url: string }).public_url };
}

/** A request whose head the server has begun to read: it has answered another one in the same bytes. */
async function requestUnderWay(url: string) {
  const connection = await connectRaw(url);
  connection.write(`${requestHead("GET", "/livez")}GET /livez HTTP/1.1\r\n`);
  assert.equal((await connection.answer()).status, 200);
  return { connection, body: "Host: a\r\n\r\n" };
}
