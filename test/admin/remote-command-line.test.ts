/** The command line on a real server through its admin API: the same output as on the store itself, and what is refused. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { makeKeyPair } from "../testkit/rsa-keys.ts";
import { runCommand } from "../testkit/run-commands.ts";
import { environment, type ProgramResult } from "../testkit/run-program.ts";
import { runCountersign } from "../testkit/run-countersign.ts";
import { assertFails, startServer, temporaryFolder, type TestServer } from "../testkit/server.ts";

const assertion = [{ alg: "RS256" }, { sub: "api-1-demo" }]
  .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
  .concat("AA")
  .join(".");

const otherPem = makeKeyPair().publicKey.export({ format: "pem", type: "spki" });
const pem = makeKeyPair().publicKey.export({ format: "pem", type: "spki" });

function run(args: readonly string[], env: Record<string, string>, input = ""): Promise<ProgramResult> {
  return runCountersign(args, { input, env: environment(env) });
}

/** Times and secrets differ between two stores. */
function withoutChance({ status, stdout, stderr }: ProgramResult): ProgramResult {
  const plain = (text: string) =>
    text
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>")
      .replaceAll(/(?:csrs_|csat_|whsec_)[0-9A-Za-z+/=]+/g, "<secret>")
      .replaceAll(/\b[0-9a-f]{16}\b/g, "<fingerprint>")
      .replaceAll(/\b(?:(?:just )?now|\d+ (?:seconds?|minutes?) ago)\b/g, "<ago>")
      .replaceAll(/ {2,}/g, "  ");
  return { status, stdout: plain(stdout), stderr: plain(stderr) };
}

/** Each line is run with and without `--json`; a changing one is repeated by that, which must be answered alike, too. */
const LINES: readonly (readonly string[])[] = [
  ["account", "create", "acme", "--name", "Acme Ltd"],
  ["account", "create", "other"],
  ["account", "create", "noted", "--description", "A partner", "--contact", "#noted"],
  ["account", "create", "not-noted", "--contact", " "],
  ["account", "create", "Not Valid"],
  ["account", "edit", "acme", "--name", "Acme", "--key-age-max", "365d"],
  ["account", "edit", "acmee", "--name", "Acme"],
  ["account", "list"],
  ["account", "deactivate", "other"],
  ["account", "activate", "other"],
  ["account", "deactivate", "nobody"],
  ["user", "create", "demo", "--account", "acme", "--read-only"],
  ["user", "create", "demo", "--account", "acmee"],
  ["user", "edit", "api-1-demo", "--may-rotate", "--network", "192.0.2.0/24"],
  ["user", "edit", "api-1-demo", "--name", "Demo", "--description", "For the docs", "--contact", "docs@example.com"],
  ["user", "edit", "api-1-demo", "--contact", "", "--access", "full"],
  ["user", "edit", "api-1-demo", "--access", "some"],
  ["user", "edit", "api-1-demo", "--description", " \u0007"],
  ["user", "edit", "api-1-demo"],
  ["user", "show", "api-1-demo"],
  ["user", "show", "demo"],
  ["user", "create", "second", "--account", "other", "--name", "Second", "--contact", "#ops"],
  ["user", "list", "--limit", "1"],
  ["user", "list", "--limit", "0"],
  ["user", "list", "--cursor", "nonsense"],
  ["user", "list", "--account", "other", "--status", "active", "--access", "full"],
  ["user", "list", "--search", "sec"],
  ["user", "list", "--status", "gone"],
  ["user", "archive", "api-2-second"],
  ["user", "activate", "api-2-second"],
  ["user", "list"],
  ["user", "list", "--archived"],
  ["user", "restore", "api-2-second"],
  ["user", "archive", "api-2-nobody"],
  ["account", "edit", "other", "--description", "A partner", "--contact", "#other"],
  ["account", "archive", "other"],
  ["account", "list"],
  ["account", "list", "--archived"],
  ["account", "restore", "other"],
  ["account", "activate", "other"],
  ["user", "edit", "demo", "--may-rotate"],
  ["user", "list"],
  ["user", "deactivate", "api-1-demo"],
  ["user", "activate", "api-1-demo"],
  ["user", "deactivate", "api-1-dem"],
  ["key", "add", "api-1-demo", "-", "--label", "first", "--network", "192.0.2.0/24"],
  ["key", "add", "api-1-dem", "-"],
  ["key", "challenge", "api-1-nobody"],
  ["key", "generate", "api-1-demo", "--out", "no-such-folder/private.pem"],
  ["key", "list"],
  ["key", "list", "api-1-demo"],
  ["key", "list", "api-1-demo", "--expiring", "400d"],
  ["key", "list", "demo"],
  ["key", "list", "--account", "acme", "--status", "active", "--limit", "1"],
  ["key", "list", "--weak"],
  ["key", "edit", "1", "--label", "first", "--no-networks"],
  ["key", "edit", "7", "--label", "first"],
  ["key", "show", "1"],
  ["key", "show", "7"],
  ["key", "deactivate", "1", "--with-descendants"],
  ["key", "activate", "1"],
  ["key", "revoke", "1", "--yes"],
  ["key", "activate", "1"],
  ["key", "revoke", "7", "--yes"],
  ["user", "export"],
  ["user", "export", "--format", "jsonl", "--account", "acme"],
  ["user", "export", "--account", "othr"],
  ["user", "export", "--format", "xml"],
  ["resource-server", "create", "orders"],
  ["resource-server", "list"],
  ["resource-server", "rotate", "orders", "--grace", "15m"],
  ["resource-server", "deactivate", "orders"],
  ["resource-server", "activate", "nothing"],
  ["audit", "list", "--user", "demo"],
  ["audit", "list", "--user", "api-1-demo", "--subject", "user:1"],
  ["audit", "list", "--since", "yesterday"],
  ["audit", "list", "--action", "user.archived", "--until", "2020-01-01T00:00:00Z"],
  ["operator", "list"],
  ["operator", "deactivate", "nobody@example.com"],
  ["signing-key", "list"],
  ["signing-key", "retire", "1"],
  ["signing-key", "retire", "7", "--yes"],
  ["admin-token", "create", "deploy", "--role", "admin", "--account", "nobody"],
  ["admin-token", "revoke", "nothing", "--yes"],
  ["webhook", "create", "https://203.0.113.9/hook", "--events", "key.*", "--account", "acme"],
  ["webhook", "create", "https://203.0.113.9/hook", "--account", "nobody"],
  ["webhook", "create", "http://127.0.0.1/hook"],
  ["webhook", "list"],
  ["webhook", "edit", "1", "--events", "key.*,user.*", "--label", "siem"],
  ["webhook", "edit", "9", "--label", "siem"],
  ["webhook", "rotate", "1", "--overlap", "0s"],
  ["webhook", "rotate", "9"],
  ["webhook", "deactivate", "1"],
  ["webhook", "activate", "1", "--skip"],
  ["webhook", "test", "9"],
  ["webhook", "deliveries", "1"],
  ["webhook", "deliveries", "9"],
  ["check", "not-a-token"],
  ["explain", assertion],
  ["explain", assertion, "--from", "192.0.2.1"],
];

describe("the command line on a server", { concurrency: 1 }, () => {
  const local = { COUNTERSIGN_DATA_DIR: temporaryFolder() };
  const remoteStore = { COUNTERSIGN_DATA_DIR: temporaryFolder() };
  let server: TestServer;
  let remote: Record<string, string>;
  let viewer: Record<string, string>;

  before(async () => {
    // A store has a signing key once it was served.
    await (await startServer({ dataDir: local.COUNTERSIGN_DATA_DIR })).stop();
    server = await startServer({ dataDir: remoteStore.COUNTERSIGN_DATA_DIR });
    const as = async (role: string) => {
      const made = await run(["admin-token", "create", role, "--role", role, "--json"], remoteStore);
      const { token } = JSON.parse(made.stdout) as { token: string };
      return { COUNTERSIGN_ADMIN_URL: server.adminUrl, COUNTERSIGN_ADMIN_TOKEN: token };
    };
    remote = await as("owner");
    viewer = await as("viewer");
  });
  after(() => server.stop());

  test("prints the same as on a store, with the same exit status", async () => {
    const differences: object[] = [];
    for (const line of LINES) {
      for (const words of [[...line, "--json"], line]) {
        const [here, there] = [await runCommand(words, local, pem), await runCommand(words, remote, pem)];
        const [onServer, onStore] = [withoutChance(there), withoutChance(here)];
        if (!isDeepStrictEqual(onServer, onStore)) differences.push({ words: words.join(" "), onServer, onStore });
      }
    }
    assert.deepEqual(differences, []);
  });

  test("exports the same document, and plans and applies another alike", async () => {
    const wanted = JSON.stringify({
      version: 1,
      accounts: [
        { shortname: "acme", name: "Acme Ltd", users: [{ name: "new", keys: [{ public_key: otherPem }] }] },
        { shortname: "third" },
      ],
      resource_servers: [{ name: "stock" }],
    });
    const lines: readonly (readonly [input: string, ...words: string[]])[] = [
      ["", "export"],
      ["", "export", "--account", "other"],
      ["", "export", "--account", "othr"],
      ["", "account", "archive", "noted"],
      ["", "export", "--account", "noted"],
      [wanted, "apply", "-f", "-", "--dry-run"],
      [wanted, "apply", "-f", "-", "--dry-run", "--prune"],
      [wanted, "apply", "-f", "-"],
      [wanted.replace("stock", "stock-2"), "apply", "-f", "-"],
      [wanted, "apply", "-f", "-", "--dry-run"],
      ['{"version":1,"accounts":[{"shortname":"Not valid"},{"shortname":7}]}', "apply", "-f", "-"],
      ['{"version":1,"accounts":[{"shortname":"noted","status":"active"}]}', "apply", "-f", "-"],
      ["version: 2", "apply", "-f", "-", "--dry-run"],
      ["", "export"],
    ];
    const differences: object[] = [];
    const statuses: ProgramResult["status"][] = [];
    for (const [input, ...line] of lines) {
      for (const words of [line, [...line, "--json"]]) {
        const [here, there] = [await runCommand(words, local, input), await runCommand(words, remote, input)];
        const [onServer, onStore] = [withoutChance(there), withoutChance(here)];
        if (!isDeepStrictEqual(onServer, onStore)) differences.push({ words: words.join(" "), onServer, onStore });
        statuses.push(there.status);
      }
    }
    assert.deepEqual(differences, []);
    assert.deepEqual(
      statuses.filter((_, index) => index % 2 === 0),
      [0, 0, 1, 0, 0, 2, 2, 0, 0, 0, 1, 1, 1, 0],
    );
  });

  test("imports the same rows, refuses the same ones, and writes them to the file of rejects", async () => {
    const line = (text: string | Buffer) => String(text).replaceAll(/-----[A-Z ]+-----|\s/g, "");
    const [first, second] = [makeKeyPair(), makeKeyPair()];
    const good = [
      "account,name,public_key,label,expires_at,display_name,contact",
      `other,imported,${line(first.publicPem)},'=1+1,2100-01-01T00:00:00Z,Imported,#ops`,
      "acme,imported,,,,,",
    ].join("\n");
    const bad = [
      "account;name;public_key;label",
      `acme;good;${line(second.publicPem)};`,
      `acme;exposed;"${makeKeyPair().privatePem}";`,
      `acme;taken;${line(first.publicPem)};`,
      `acme;good;${line(second.publicPem)};other`,
      "nobody;a;;",
      "../users;b;;",
      "acme;Not valid;;",
      "acme;few",
    ].join("\n");
    const jsonl = '{"account":"acme","name":"imported","contact":"#other"}\n{"name":"none"}\n{"name":1}\nno JSON\n';
    const rejects = (env: object) => join(temporaryFolder(), env === local ? "here.csv" : "there.csv");
    const files = new Map<object, string>([local, remote].map((env) => [env, rejects(env)]));
    const lines: readonly (readonly [input: string, ...words: string[]])[] = [
      [good, "--dry-run"],
      [good],
      [good],
      [bad],
      [bad, "--dry-run"],
      [bad, "--rejects", "<file>"],
      [bad, "--rejects", "<file>"],
      [jsonl, "--format", "jsonl", "--account", "acme", "--dry-run"],
      ["name,unknown\n"],
      [""],
      ["name\nx\n", "--account", "nobody"],
    ];
    const differences: object[] = [];
    const statuses: ProgramResult["status"][] = [];
    for (const [input, ...words] of lines) {
      const [here, there] = await Promise.all(
        [local, remote].map(async (env) => {
          const file = files.get(env) ?? "";
          const given = ["user", "import", "-", ...words.map((word) => (word === "<file>" ? file : word))];
          const { status, stdout, stderr } = await runCommand(given, env, input);
          return { status, stdout: stdout.replaceAll(file, "<file>"), stderr: stderr.replaceAll(file, "<file>") };
        }),
      );
      if (!isDeepStrictEqual(there, here)) differences.push({ words: words.join(" "), there, here });
      statuses.push(there?.status ?? null);
    }
    assert.deepEqual(differences, []);
    assert.deepEqual(statuses, [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]);
    const [here = "", there] = [local, remote].map((env) => readFileSync(files.get(env) ?? "", "utf8"));
    assert.equal(there, here);
    assert.equal(here.match(/\r\n/g)?.length, 8);
    assert.ok(!here.includes("PRIVATE KEY-----"));
    const exported = ["user", "export", "--account", "other"];
    const [hereNow, thereNow] = [await runCommand(exported, local), await runCommand(exported, remote)];
    assert.deepEqual(thereNow, hereNow);
    assert.match(hereNow.stdout, /^other,imported,.*,'=1\+1,2100-01-01T00:00:00.000Z,active,,Imported,,#ops\r$/m);
    assertFails(
      await runCommand(["user", "import", "-"], viewer, good),
      1,
      /Your role .*0 rows were done before that\./,
    );
  });

  test("writes the secrets that a server makes to the file, and shows them nowhere else", async () => {
    const file = join(temporaryFolder(), "secrets.jsonl");
    const document = '{"version":1,"resource_servers":[{"name":"kept"}]}';
    const applied = await runCommand(["apply", "-f", "-", "--secrets-out", file], remote, document);
    assert.equal(applied.status, 0, applied.stderr);
    assert.doesNotMatch(applied.stdout + applied.stderr, /csrs_/);
    assert.match(readFileSync(file, "utf8"), /^\{"kind":"resource_server","name":"kept",.*csrs_.*\}\n$/);
    assertFails(await runCommand(["apply", "-f", "-", "--url", "https://x.example"], remote, document), 2, /--url/);
  });

  test("applies the plan that it has shown, and another one only after it has shown that", async (context) => {
    const change = { action: "create", kind: "account", name: "acme", changes: [], pruned: false };
    const plan = { changes: [change], summary: { create: 1, change: 0, switch_off: 0 }, notes: [] };
    const asked: (string | undefined)[] = [];
    const fake = createServer((request, response) => {
      request.resume();
      asked.push(request.headers["if-match"]);
      const isFirst = asked.filter((each) => each !== undefined).length === 1;
      const isChanged = request.method === "PUT" && isFirst;
      const errors = isChanged ? [{ code: "precondition_failed", message: "It was changed since it was read." }] : [];
      const secrets = [{ kind: "resource_server", name: `orders-${asked.length}`, client_secret: "made-here" }];
      const made = request.method === "PUT" && { applied: 1, secrets };
      const data = isChanged ? made : { ...plan, ...made };
      response.writeHead(isChanged ? 412 : 200, { "content-type": "application/json", etag: `"${asked.length}"` });
      response.end(JSON.stringify({ meta: { errors, warnings: [] }, data }));
    });
    fake.listen(0, "127.0.0.1");
    await once(fake, "listening");
    context.after(() => void fake.close());
    const env = { ...remote, COUNTERSIGN_ADMIN_URL: `http://127.0.0.1:${(fake.address() as AddressInfo).port}` };
    const { status, stdout, stderr } = await runCommand(["apply", "-f", "-"], env, '{"version":1}');
    assert.equal(status, 0, stderr);
    assert.deepEqual(asked, [undefined, '"1"', undefined, '"3"']);
    // What was made before the plan was outdated isn't lost.
    const lines = stdout.split("\n").slice(2);
    assert.match(
      lines.join("\n"),
      /^2 changes were made\.\nresource server orders-2: .*\nresource server orders-4: .*made-here\n$/,
    );
    assert.match(stderr, /changed since it was read\.\n.*compared with the document anew/);
  });

  test("keeps what was made before the token ended, or before an answer that isn't understood", async (context) => {
    const change = { action: "create", kind: "resource_server", name: "orders", changes: [], pruned: false };
    const plan = { changes: [change], summary: { create: 1, change: 0, switch_off: 0 }, notes: [] };
    const secrets = [{ kind: "resource_server", name: "orders", client_secret: "made-here", more: { toString: 1 } }];
    const refusal = [{ code: "sign_in_required", message: "Nobody knows you." }];
    for (const [status, meta, says] of [
      [401, { errors: refusal, warnings: [] }, /doesn't accept the admin token.* 1 change was made before that/],
      [200, { errors: [], warnings: [{ code: 1 }] }, /doesn't understand: \/meta.* 1 change was made before that/],
    ] as const) {
      const fake = createServer((request, response) => {
        request.resume();
        const isApplied = request.method === "PUT";
        response.writeHead(isApplied ? status : 200, { "content-type": "application/json", etag: '"1"' });
        const data = isApplied ? { applied: 1, secrets } : plan;
        response.end(JSON.stringify({ meta: isApplied ? meta : { errors: [], warnings: [] }, data }));
      });
      fake.listen(0, "127.0.0.1");
      await once(fake, "listening");
      context.after(() => void fake.close());
      const env = { ...remote, COUNTERSIGN_ADMIN_URL: `http://127.0.0.1:${(fake.address() as AddressInfo).port}` };
      const shown = await runCommand(["apply", "-f", "-"], env, '{"version":1}');
      assert.equal(shown.status, 1, shown.stderr);
      assert.match(shown.stdout, /resource server orders: client_secret made-here, more \{"toString":1\}\n$/);
      assert.match(shown.stderr, says);
      const file = join(temporaryFolder(), "secrets");
      const kept = await runCommand(["apply", "-f", "-", "--secrets-out", file], env, '{"version":1}');
      assert.equal(kept.status, 1);
      assert.match(readFileSync(file, "utf8"), /"client_secret":"made-here"/);
      assert.ok(kept.stderr.includes(`New secrets and links are in ${file}`), kept.stderr);
    }
  });

  test("generates a key pair here, proves possession of it, and sends the public key alone", async () => {
    const file = join(temporaryFolder(), "private.pem");
    const made = await run(["key", "generate", "api-1-demo", "--out", file, "--json"], remote);
    assert.equal(made.status, 0, made.stderr);
    assert.match((JSON.parse(made.stdout) as { proved_at: string }).proved_at, /^\d{4}-/);
    assert.match(readFileSync(file, "utf8"), /^-----BEGIN PRIVATE KEY-----/);
    assertFails(await run(["key", "add", "api-1-demo", file], remote), 1, /this is a PRIVATE key/);
  });

  test("makes an admin token no more lasting than its own, finds it by name and revokes it", async () => {
    const create = ["admin-token", "create", "deploy", "--role", "admin"];
    assertFails(await run([...create, "--expires-in", "never"], remote), 1, /Only an operator/);
    const made = await run(create, remote);
    assert.match(made.stdout, /^csat_\S+\n$/);
    assert.match((await run(["admin-token", "list"], remote)).stdout, /^deploy +admin +- +active /m);
    assertFails(await run(["admin-token", "revoke", "deploy"], remote), 2, /--yes/);
    assertFails(await run(["admin-token", "revoke", "deploi", "--yes"], remote), 1, /did you mean deploy\?/);
    const revoked = await run(["admin-token", "revoke", "deploy", "--yes"], remote);
    assert.equal(revoked.stdout, "deploy is revoked.\n");
  });

  test("is named as the author of its changes", async () => {
    const { stdout } = await run(["audit", "list", "--json"], remoteStore);
    assert.match(stdout, /"actor":"admin-token:owner","action":"account\.created"/);
  });

  test("refuses a viewer's change, and lets a viewer read", async () => {
    assert.equal((await run(["account", "list"], viewer)).status, 0);
    assertFails(await run(["account", "create", "third"], viewer), 1, /Your role doesn't allow this/);
  });

  test("says what to do when the token was revoked", async () => {
    const revoked = await run(["admin-token", "revoke", "viewer", "--yes"], remoteStore);
    assert.equal(revoked.status, 0, revoked.stderr);
    const result = await run(["account", "list"], viewer);
    assertFails(result, 1, /wrong, expired or revoked.*admin-token create/);
    assert.ok(!result.stderr.includes(viewer["COUNTERSIGN_ADMIN_TOKEN"] ?? ""));
  });

  test("refuses a store and a server together", async () => {
    assertFails(await run(["user", "list", "--data-dir", "x"], remote), 2, /--data-dir names a store/);
    const flags = ["--database-url", "postgres://127.0.0.1/x", "--admin-url", server.adminUrl];
    assertFails(await run(["user", "list", ...flags], remote), 2, /--database-url names a store and --admin-url/);
  });

  test("never opens a store instead where the environment names a server", async () => {
    for (const line of [["key", "audit"], ["backup", "copy.db"], ["migrate"]]) {
      assertFails(await run(line, { ...remote, ...remoteStore }), 2, /works only where the store is/);
    }
  });

  test("refuses an environment that names a store and a server, until a flag says which", async () => {
    for (const words of [
      ["user", "list"],
      ["account", "create", "third"],
      ["audit", "list", "--json"],
    ]) {
      const refused = await runCommand(words, { ...remote, ...remoteStore });
      assert.equal(refused.status, 2);
      assert.match(refused.stderr, /names a store \(COUNTERSIGN_DATA_DIR\) and a server .*--admin-url/);
    }
    const database = { ...remote, COUNTERSIGN_DATABASE_URL: "postgres://127.0.0.1/x" };
    assert.match((await runCommand(["user", "list"], database)).stderr, /a store \(COUNTERSIGN_DATABASE_URL\)/);
    const flag = ["--admin-url", server.adminUrl];
    assert.equal((await runCommand(["user", "list", ...flag], { ...remote, ...remoteStore })).status, 0);
  });

  test("doesn't send a token in clear text to another machine", async () => {
    const elsewhere = { ...remote, COUNTERSIGN_ADMIN_URL: "http://auth.example.com:8081" };
    assertFails(await run(["user", "list"], elsewhere), 1, /clear text.*https:/);
  });

  test("says which of the URL and the token is missing", async () => {
    const { COUNTERSIGN_ADMIN_TOKEN: token = "" } = remote;
    assertFails(await run(["user", "list"], { COUNTERSIGN_ADMIN_TOKEN: token }), 1, /set COUNTERSIGN_ADMIN_URL/);
    assertFails(await run(["user", "list", "--admin-url", server.adminUrl], {}), 1, /You aren't signed in to http/);
  });

  test("works on the store where only COUNTERSIGN_ADMIN_URL is set, as in a server's environment", async () => {
    const env = { ...local, COUNTERSIGN_ADMIN_URL: "https://console.example.com" };
    assert.deepEqual((await run(["user", "list"], env)).status, 0);
  });
});
