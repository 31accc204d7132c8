/**
 * Declared state as operators and their programs use it: documents between the engines, by the command line and the admin
 * API, also of what the admin API made; a run that is killed; exit statuses; where secrets go.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { AdminClient } from "../testkit/admin-client.ts";
import { type ConsoleServer, startConsoleServer, useLink } from "../testkit/console-server.ts";
import { eventually } from "../testkit/eventually.ts";
import { startPostgres, type TestPostgres } from "../testkit/postgres.ts";
import { rsaKeyPair } from "../testkit/rsa-keys.ts";
import { environment, type ProgramResult } from "../testkit/run-program.ts";
import { runCountersign } from "../testkit/run-countersign.ts";
import { mountSmallDisk } from "../testkit/small-disk.ts";
import { assertFails, COUNTERSIGN, parseJsonLine, temporaryFolder } from "../testkit/server.ts";

const EXAMPLE = join(import.meta.dirname, "../../examples/registry.yaml");
const SECRETS = /csrs_|whsec_|csiv_/;

interface Run {
  (args: readonly string[], input?: string): Promise<ProgramResult>;
  readonly env: NodeJS.ProcessEnv;
}

/** Runs `countersign` on a store of its own. */
function commandLine(given: Readonly<Record<string, string>> = {}): Run {
  const env = environment({ COUNTERSIGN_DATA_DIR: join(temporaryFolder(), "data"), ...given });
  const run = (args: readonly string[], input = "") => runCountersign(args, { input, env });
  return Object.assign(run, { env });
}

function succeeded(result: ProgramResult): ProgramResult {
  assert.equal(result.status, 0, result.stderr);
  return result;
}

const exported = async (run: (args: readonly string[]) => Promise<ProgramResult>) =>
  parseJsonLine(await run(["export", "--json"])) as Record<string, unknown>;

describe("declared state", { concurrency: 2 }, () => {
  let postgres: TestPostgres;
  before(async () => {
    postgres = await startPostgres();
  });
  after(() => postgres.stop());

  const onPostgres = async () => commandLine({ COUNTERSIGN_DATABASE_URL: await postgres.createDatabase() });

  describe("by the admin API", { concurrency: false }, () => {
    let console: ConsoleServer;
    let owner: AdminClient;
    before(async () => {
      console = await startConsoleServer();
      owner = console.api.client.as({ cookie: await useLink(console, console.setupSecret, "first@example.com") });
    });
    after(() => console.server.stop());

    const made = async (path: string, body: unknown) => {
      const answer = await owner.post(path, body);
      assert.equal(answer.status, 201, answer.text);
      return answer.body.data;
    };

    test("what was made there moves to PostgreSQL and back to SQLite, and the documents are equal", async () => {
      await made("/accounts", { shortname: "zeta", name: 'Zeta: "z"' });
      await made("/accounts", { shortname: "acme" });
      await owner.patch("/accounts/acme", { key_age_max_seconds: 40_000_000 });
      for (const [account, name, access] of [
        ["acme", "demo", "full"],
        ["acme", "off", "read_only"],
        ["zeta", "demo", "full"],
      ]) {
        await made("/users", { account, name, access, networks: ["10.0.0.0/8"], may_rotate: name === "demo" });
      }
      await owner.patch("/users/api-2-off", { status: "deactivated" });
      for (const [name, label, status] of [
        ["one", "no", "active"],
        ["two", "2026-11-28", "deactivated"],
        ["three", "gone", "revoked"],
      ] as const) {
        const { id } = await made("/users/api-2-demo/keys", { public_key: rsaKeyPair(name).publicPem, label });
        await owner.patch(`/keys/${id}`, { status });
      }
      await made("/resource-servers", { name: "orders" });
      await made("/webhooks", {
        url: "http://127.0.0.1:9/x?secret=1",
        label: "ops",
        account: "acme",
        events: ["key.*"],
      });
      await made("/invitations", { email: "bob@example.com", role: "admin", account: "acme" });

      const { text: yaml } = await owner.get("/registry?format=yaml");
      const document = await owner.get("/registry");
      assert.deepEqual(JSON.parse(document.text), await exported((args) => console.server.cli(...args)));

      const target = await onPostgres();
      succeeded(await target(["account", "create", "first-here"]));
      succeeded(await target(["account", "deactivate", "first-here"]));
      const env = { COUNTERSIGN_WEBHOOK_NETWORKS: "127.0.0.1" };
      // Networks of webhooks are a setting, not part of the registry.
      assertFails(await target(["apply", "-f", "-"], yaml), 1, /webhooks\/0\/url: .*COUNTERSIGN_WEBHOOK_NETWORKS/);
      const url = await postgres.createDatabase();
      const other = commandLine({ COUNTERSIGN_DATABASE_URL: url, ...env });
      succeeded(await other(["account", "create", "acme"]));
      const applied = parseJsonLine(await other(["apply", "-f", "-", "--json"], yaml)) as { secrets: object[] };
      assert.equal(applied.secrets.length, 4);
      assert.deepEqual(await exported(other), JSON.parse(document.text));
      succeeded(await other(["apply", "-f", "-", "--dry-run", "--prune"], yaml));

      const back = commandLine(env);
      succeeded(await back(["apply", "-f", "-"], (await other(["export"])).stdout));
      assert.equal((await back(["export"])).stdout, yaml);
    });

    test("a plan names what changes, its ETag lets exactly that be applied, and secrets come once", async () => {
      const document = { resource_servers: [{ name: "orders" }, { name: "billing" }] };
      const plan = await owner.post("/registry/plan", document);
      assert.deepEqual(plan.body.data.summary, { create: 1, change: 0, switch_off: 0 });
      assert.doesNotMatch(plan.text, SECRETS);
      const etag = plan.headers.get("etag") ?? "";
      const put = (body: unknown, headers = {}, query = "") =>
        owner.send("PUT", `/registry${query}`, { body, headers });
      const stale = await put({ resource_servers: [{ name: "shop" }] }, { "if-match": etag });
      assert.deepEqual([stale.status, stale.code], [412, "precondition_failed"]);
      const applied = await put(document, { "if-match": etag });
      assert.equal(applied.status, 200, applied.text);
      assert.equal(applied.headers.get("cache-control"), "no-store");
      assert.match(applied.body.data.secrets[0].client_secret, /^csrs_/);
      const again = await put(document);
      assert.deepEqual([again.body.data.applied, again.body.data.secrets], [0, []]);
      const pruned = await put({ resource_servers: [{ name: "billing" }] }, {}, "?prune=true");
      assert.deepEqual(pruned.body.data.summary, { create: 0, change: 0, switch_off: 1 });
    });

    test("every problem of a document is a field of the answer, and nothing is changed", async () => {
      const { text: before } = await owner.get("/registry");
      const document = {
        accounts: [
          { shortname: "new" },
          { shortname: "acme", users: [{ name: "Demo" }, { name: "demo", keys: [{ public_key: "x" }] }] },
        ],
      };
      const answer = await owner.send("PUT", "/registry", { body: document });
      assert.equal(answer.status, 422);
      assert.deepEqual(
        answer.body.meta.errors.map(({ field }: { field: string }) => field),
        ["/accounts/1/users/0/name", "/accounts/1/users/1/keys/0/public_key"],
      );
      assert.equal((await owner.get("/registry")).text, before);
      const unknown = await owner.send("PUT", "/registry", { body: '{"accounts":[],"accounts":[]}' });
      assert.equal(unknown.status, 400, unknown.text);
    });

    test("an owner invites by a document, and the link works; a program can't, and an admin can't see operators", async () => {
      const document = { operators: [{ email: "carol@example.com", role: "viewer" }] };
      const bearerOf = async (role: string, account?: string) =>
        console.api.client.as({
          bearer: (await made("/admin-tokens", { name: `${role}${account ?? ""}`, role, account })).token,
        });
      const program = await bearerOf("owner");
      assert.equal((await program.send("PUT", "/registry", { body: document })).status, 403);
      const admin = await bearerOf("admin");
      assert.equal((await admin.post("/registry/plan", document)).status, 403);
      assert.doesNotMatch((await admin.get("/registry")).text, /operators/);
      const applied = await owner.send("PUT", "/registry", { body: document });
      assert.equal(applied.status, 200, applied.text);
      await useLink(console, new URL(applied.body.data.secrets[0].link).hash.slice(1));
      assert.equal((await owner.post("/registry/plan", document)).body.data.changes.length, 0);

      const limited = await bearerOf("admin", "acme");
      const own = JSON.parse((await limited.get("/registry")).text);
      assert.deepEqual([own.account, own.accounts.length, own.resource_servers], ["acme", 1, undefined]);
      assert.equal((await limited.send("PUT", "/registry?prune=true", { body: own })).body.data.applied, 0);
      const users = { accounts: [{ shortname: "acme", users: [{ name: "by-limited" }] }] };
      assert.equal((await limited.send("PUT", "/registry", { body: users })).body.data.applied, 1);
      const renamed = { accounts: [{ shortname: "acme", name: "Other" }] };
      assert.equal((await limited.send("PUT", "/registry", { body: renamed })).status, 403);
      for (const foreign of [
        { account: "zeta", accounts: [] },
        { accounts: [{ shortname: "zeta" }] },
        { resource_servers: [{ name: "x" }] },
      ]) {
        assert.equal((await limited.send("PUT", "/registry", { body: foreign })).status, 422);
      }
    });

    test("a document of a great many entries is refused before it is compared", async () => {
      const users = (count: number) => ({
        accounts: [{ shortname: "acme", users: Array.from({ length: count }, () => ({ name: "A" })) }],
      });
      const many = await owner.post("/registry/plan", users(50_000));
      assert.deepEqual([many.status, many.body.meta.errors.length], [422, 1], many.text);
      assert.match(many.text, /at most 50000 entries/);
      assert.equal((await owner.post("/registry/plan", users(49_999))).body.meta.errors.length, 100);
    });

    test("a refusal after secrets were made has them", async () => {
      const second = { email: "second@example.com", role: "owner" };
      const invited = await owner.send("PUT", "/registry", { body: { operators: [second] } });
      await useLink(console, new URL(invited.body.data.secrets[0].link).hash.slice(1));
      const dave = { email: "dave@example.com", role: "owner" };
      const other = await owner.send("PUT", "/registry", { body: { operators: [dave] } });
      await useLink(console, new URL(other.body.data.secrets[0].link).hash.slice(1));
      // Who gives up a role can't take one from somebody else after that.
      const operators = [{ email: "first@example.com", role: "viewer" }, { ...second, role: "viewer" }, dave];
      const answer = await owner.send("PUT", "/registry", {
        body: { resource_servers: [{ name: "lost-secret" }], operators },
      });
      assert.equal(answer.code, "sign_in_required", answer.text);
      const { applied, secrets } = answer.body.data;
      assert.deepEqual([applied, secrets[0].name, secrets.length], [1, "lost-secret", 1]);
      assert.match(secrets[0].client_secret, /^csrs_/);
      assert.match(answer.text, /The change before it was made; apply the document again/);
    });
  });

  for (const [engine, open] of [
    ["SQLite", async () => commandLine()],
    ["PostgreSQL", onPostgres],
  ] as const) {
    describe(`by the command line, on ${engine}`, () => {
      test("the example is applied, and then differs in nothing", async () => {
        const run = await open();
        succeeded(await run(["account", "create", "globex"]));
        const dry = await run(["apply", "-f", EXAMPLE, "--dry-run"]);
        assert.equal(dry.status, 2);
        assert.match(
          dry.stdout,
          /^\+ account acme \(name "Acme Ltd"\)\n\+ user acme\/billing \(may_rotate true, networks /,
        );
        assert.match(dry.stdout, /\n~ account globex: key_age_max_seconds null -> 34560000\n/);
        assert.match(dry.stdout, /\nPlan: 9 to create, 1 to change, 0 to switch off\.\n$/);
        assert.equal(dry.stderr, "");
        assert.deepEqual((await exported(run))["resource_servers"], []);

        const file = join(temporaryFolder(), "secrets.jsonl");
        const applied = succeeded(await run(["apply", "-f", EXAMPLE, "--secrets-out", file]));
        assert.match(applied.stdout, /\n10 changes were made\.\n$/);
        assert.doesNotMatch(applied.stdout + applied.stderr, SECRETS);
        assert.equal(statSync(file).mode & 0o777, 0o600);
        const secrets = readFileSync(file, "utf8")
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line) as { kind: string });
        assert.deepEqual(
          secrets.map(({ kind }) => kind),
          ["resource_server", "webhook", "operator", "operator"],
        );
        for (const flags of [[], ["--prune"], ["--prune", "--dry-run"]]) {
          assert.match(succeeded(await run(["apply", "-f", EXAMPLE, ...flags])).stdout, /^No changes/);
        }
      });

      test("a run that is killed is continued by the next one, without doing anything twice", async () => {
        const run = await open();
        const users = Array.from({ length: 500 }, (_, index) => ({ name: `user-${index}` }));
        const file = join(temporaryFolder(), "registry.json");
        writeFileSync(file, JSON.stringify({ accounts: [{ shortname: "acme", users }] }));
        succeeded(await run(["account", "create", "acme"]));
        const options = { env: run.env, stdio: "ignore" } as const;
        const applying = spawn(process.execPath, [COUNTERSIGN, "apply", "-f", file], options);
        const ended = once(applying, "exit");
        await eventually("some users are there", async () => {
          const { stdout } = await run(["user", "list", "--json"]);
          return (JSON.parse(stdout) as unknown[]).length > 0 ? true : undefined;
        });
        applying.kill("SIGKILL");
        await ended;
        succeeded(await run(["apply", "-f", file]));
        const list = JSON.parse((await run(["user", "list", "--json"])).stdout) as unknown[];
        assert.equal(list.length, users.length);
        assert.equal((await run(["apply", "-f", file, "--dry-run", "--prune"])).status, 0);
        assert.match(succeeded(await run(["audit", "verify"])).stdout, /501/);
      });
    });
  }

  describe("the command", () => {
    test("says every problem on a line of its own, with line and column, and changes nothing", async () => {
      const run = commandLine();
      succeeded(await run(["account", "create", "acme"]));
      const yaml = `accounts:\n  - shortname: acme\n    users:\n      - name: demo\n        acces: full\n      - name: 5\n`;
      const { status, stdout, stderr } = await run(["apply", "-f", "-"], yaml);
      assert.deepEqual([status, stdout], [1, ""]);
      assert.deepEqual(stderr.split("\n"), [
        "countersign: line 5, column 9, /accounts/0/users/0/acces: There is no such member here; the members are name, access, status, may_rotate, networks, display_name, description, contact, keys.",
        'countersign: line 6, column 9, /accounts/0/users/1/name: It must be a text; put it in quotes, such as "1".',
        "countersign: The document has 2 problems; nothing was changed.",
        "",
      ]);
      for (const [input, says] of [
        ["", /Standard input is empty/],
        ["# nothing\n", /It must be an object/],
        ["accounts: []\n---\naccounts: []\n", /line 2, column 1: A file holds one document/],
        ["accounts: &x []\noperators: *x\n", /An anchor isn't allowed/],
      ] as const) {
        assertFails(await run(["apply", "-f", "-"], input), 1, says);
      }
      assert.deepEqual((await exported(run))["accounts"], [
        { shortname: "acme", name: "acme", status: "active", key_age_max_seconds: null, users: [] },
      ]);
    });

    test("takes one document, and needs one; a dry run makes no store, and apply does", async () => {
      const dataDir = join(temporaryFolder(), "data");
      const run = commandLine({ COUNTERSIGN_DATA_DIR: dataDir });
      assertFails(await run(["apply"]), 2, /-f, --file/);
      assertFails(await run(["apply", "-f", "a", "-f", "b"]), 2, /given twice/);
      assertFails(await run(["apply", "-f", join(dataDir, "none.yaml")]), 1, /ENOENT/);
      assertFails(await run(["apply", "-f", EXAMPLE, "--dry-run"]), 1, /there is no store/);
      assertFails(
        await run(["apply", "-f", "-"], "account: acme\nuser: []\n"),
        1,
        /line 2, column 1, \/user: There is no such/,
      );
      assert.ok(!existsSync(dataDir));
      const file = join(temporaryFolder(), "taken");
      writeFileSync(file, "");
      assertFails(await run(["apply", "-f", EXAMPLE, "--secrets-out", file]), 1, /exists already.*Nothing was changed/);
      assert.deepEqual((await exported(run))["accounts"], []);
      const applied = succeeded(await run(["apply", "-f", EXAMPLE, "--url", "https://console.example"]));
      assert.match(applied.stdout, /\nresource server orders: client_id rs-1, client_secret csrs_/);
      assert.match(applied.stdout, /\noperator alice@example\.com: .*link https:\/\/console\.example\/link#csiv_/);
      assert.match(applied.stderr, /shown only once/);
    });

    test("prints the secrets that the file can't take, and how much was done", async (t) => {
      const disk = await mountSmallDisk(1);
      if (typeof disk === "string") return t.skip(disk);
      try {
        disk.fill();
        const file = join(disk.path, "secrets.jsonl");
        const { status, stdout, stderr } = await commandLine()(["apply", "-f", EXAMPLE, "--secrets-out", file]);
        assert.equal(status, 0, stderr);
        assert.equal(readFileSync(file, "utf8"), "");
        assert.match(stdout, /\n10 changes were made\.\n/);
        assert.match(stdout, /\nresource server orders: client_id rs-1, client_secret csrs_/);
        assert.equal(stdout.match(/link http/g)?.length, 2);
        assert.match(
          stderr,
          /secrets\.jsonl couldn't take every secret \(ENOSPC, the disk is full\); the others are above/,
        );
      } finally {
        await disk.unmount();
      }
    });

    test("prints the schema that is in docs, and the line by which editors find it", async () => {
      const run = commandLine();
      const { stdout } = succeeded(await run(["export", "--schema"]));
      assert.equal(stdout, readFileSync(join(import.meta.dirname, "../../docs/registry.schema.json"), "utf8"));
      succeeded(await run(["account", "create", "acme"]));
      assert.match((await run(["export"])).stdout, /^# yaml-language-server: \$schema=registry\.schema\.json\n/);
      assertFails(await run(["export", "--account", "absent"]), 1, /There is no account absent/);
    });
  });
});
