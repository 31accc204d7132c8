/** A command line that an operator signs in by the console: against a real listener, in one process. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { startTestConsole, type TestConsole } from "../../packages/server/src/testing/test-console.ts";
import { TEST_PASSWORD } from "../../packages/server/src/testing/test-operators.ts";
import { runCommand } from "../testkit/run-commands.ts";
import { temporaryFolder } from "../testkit/server.ts";

let console: TestConsole;

before(async () => {
  console = await startTestConsole();
  await console.signUp("ada@example.com", "owner");
});

after(() => console.close());

const url = () => console.origin.replace("localhost", "127.0.0.1");

/** A person's machine: a home folder, and nothing else. */
function machine() {
  const home = temporaryFolder();
  const env = { HOME: home };
  const file = join(home, ".config", "countersign", "credentials.json");
  return { home, env, file, run: (...args: string[]) => runCommand(args, env) };
}

type Decision = "approve" | "deny" | "nothing";

/** Signs in, while an operator decides during the first wait. */
function login(env: Record<string, string>, decision: Decision = "approve", ...args: string[]) {
  let waits = 0;
  return runCommand(["login", "--admin-url", url(), ...args], env, "", async (shown, milliseconds) => {
    console.clock.advanceSeconds(milliseconds / 1000);
    const code = /[A-Z]{4}-[A-Z]{4}/.exec(shown)?.[0];
    const body = { user_code: code, ...(decision === "approve" && { role: "owner" }) };
    if (waits++ > 0 || decision === "nothing") return;
    const answer = await console.ask("POST", `/device-sign-ins/${decision}`, body, { cookie: await freshCookie() });
    assert.equal(answer.status, 200, answer.body);
  });
}

/** The clock moves on with each test, and an approval needs a fresh sign-in. */
async function freshCookie(): Promise<string | undefined> {
  const body = { email: "ada@example.com", password: TEST_PASSWORD };
  return (await console.ask("POST", "/sign-in/password", body)).cookie;
}

const parse = (text: string) => JSON.parse(text) as Record<string, unknown>;

describe("countersign login", () => {
  test("shows the code and the address, keeps the token in a private file, and prints it nowhere", async () => {
    const { env, file, run } = machine();
    const answer = await login(env, "approve", "--json");
    assert.equal(answer.status, 0, answer.stderr);
    assert.ok(answer.stderr.includes(`    ${console.origin}/device\n`), answer.stderr);
    assert.match(answer.stderr, /^ {4}[A-Z]{4}-[A-Z]{4}$/m);
    const shown = parse(answer.stdout);
    assert.deepEqual(
      [shown["signed_in"], shown["server"], shown["operator"], shown["role"], shown["account"]],
      [true, url(), "ada@example.com", "owner", null],
    );
    const { token } = JSON.parse(readFileSync(file, "utf8")).servers[url()];
    assert.match(token, /^csat_/);
    assert.doesNotMatch(answer.stdout + answer.stderr, /csat_|csdc_/);
    assert.deepEqual([statSync(file).mode & 0o777, statSync(join(file, "..")).mode & 0o777], [0o600, 0o700]);
    assert.deepEqual(readdirSync(join(file, "..")), ["credentials.json"], "nothing half-written is left");
    const me = await run("whoami", "--json");
    assert.deepEqual([me.status, parse(me.stdout)], [0, shown]);
  });

  test("ends with status 1 if the operator denies, or nobody decides in time", async () => {
    const denied = await login(machine().env, "deny");
    assert.deepEqual([denied.status, denied.stdout], [1, ""]);
    assert.match(denied.stderr, /The operator denied the sign-in/);
    const { env, run } = machine();
    const late = await login(env, "nothing");
    assert.equal(late.status, 1);
    assert.match(late.stderr, /The code has expired/);
    assert.equal((await run("whoami")).status, 1);
  });

  test("refuses before it asks: without a server, in clear text, beside a token, without a place for the sign-in", async () => {
    const { env } = machine();
    for (const [args, more, status, message] of [
      [[], {}, 2, /Name the server/],
      [["--admin-url", "http://192.0.2.1"], {}, 1, /in clear text/],
      [["--admin-url", url()], { COUNTERSIGN_ADMIN_TOKEN: `csat_${"a".repeat(49)}` }, 2, /wins over a sign-in/],
      [["--admin-url", url()], { HOME: "" }, 1, /set HOME or XDG_CONFIG_HOME/],
      [["--admin-url", url()], { HOME: "relative" }, 1, /set HOME or XDG_CONFIG_HOME/],
      [["--admin-url", "http://127.0.0.1:1"], {}, 1, /can't be reached/],
    ] as const) {
      const answer = await runCommand(["login", ...args], { ...env, ...more });
      assert.equal(answer.status, status, answer.stderr);
      assert.match(answer.stderr, message);
    }
  });

  test("takes another place by XDG_CONFIG_HOME, and replaces an earlier sign-in, whose token is revoked", async () => {
    const { home, run } = machine();
    const env = { HOME: home, XDG_CONFIG_HOME: join(home, "config") };
    const file = join(home, "config", "countersign", "credentials.json");
    await login(env);
    const tokenOf = () => JSON.parse(readFileSync(file, "utf8")).servers[url()].token as string;
    const first = tokenOf();
    await login(env);
    assert.notEqual(tokenOf(), first);
    const asFirst = { origin: null, headers: { Authorization: `Bearer ${first}` } };
    assert.equal((await console.ask("GET", "/me", undefined, asFirst)).status, 401);
    assert.equal((await run("whoami")).status, 1, "the other file isn't read");
  });
});

describe("a sign-in", () => {
  test("selects its server where nothing names a store, and changes say in whose name", async () => {
    const { env, run } = machine();
    await login(env);
    const made = await run("account", "create", "signed-in", "--json");
    assert.equal(made.status, 0, made.stderr);
    const events = await run("audit", "list", "--json", "--action", "account.created");
    const actors = (JSON.parse(events.stdout) as { actor: string }[]).map(({ actor }) => actor);
    assert.match(actors.at(-1) ?? "", /^admin-token:cli-ada@example\.com-[a-z]{6}$/);
    for (const more of [[], ["--admin-url", url()]]) {
      assert.match((await run("account", "list", ...more)).stdout, /signed-in/);
    }
    const other = await run("account", "list", "--admin-url", "https://other.example.com");
    assert.equal(other.status, 1);
    assert.match(other.stderr, /You aren't signed in to https:\/\/other\.example\.com/);
  });

  test("gives way to whatever names a store or a token", async () => {
    const { env, home, run } = machine();
    await login(env);
    const dataDir = join(home, "store");
    const local = await run("account", "create", "local", "--data-dir", dataDir);
    assert.equal(local.status, 0, local.stderr);
    for (const more of [
      { COUNTERSIGN_DATA_DIR: dataDir },
      { COUNTERSIGN_DATA_DIR: dataDir, COUNTERSIGN_ADMIN_URL: url() },
    ]) {
      const list = await runCommand(["account", "list"], { ...env, ...more });
      assert.match(list.stdout, /local/);
      assert.doesNotMatch(list.stdout, /acme/);
    }
    const both = await run("account", "list", "--data-dir", dataDir, "--admin-url", url());
    assert.equal(both.status, 2);
    const wrong = await runCommand(["account", "list"], {
      ...env,
      COUNTERSIGN_ADMIN_URL: url(),
      COUNTERSIGN_ADMIN_TOKEN: `csat_${"a".repeat(49)}`,
    });
    assert.match(wrong.stderr, /doesn't accept the admin token/);
  });

  test("beside a store in the default folder selects neither: the command says what to add", async () => {
    const { env, home, run } = machine();
    await login(env);
    const before = process.cwd();
    process.chdir(home);
    try {
      mkdirSync("data", { mode: 0o700 });
      writeFileSync(join("data", "countersign.db"), "");
      for (const command of [["account", "list"], ["account", "create", "nowhere"], ["whoami"], ["export"]]) {
        const answer = await run(...command);
        assert.equal(answer.status, 2, answer.stderr);
        assert.match(answer.stderr, /--admin-url http:\S+ or --data-dir \S*data/);
      }
      assert.equal((await run("whoami", "--admin-url", url())).status, 0);
    } finally {
      process.chdir(before);
    }
  });

  test("keeps commands that need the store from opening one", async () => {
    const { env, home, run } = machine();
    await login(env);
    const refused = await run("key", "audit");
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /you are signed in to http:\S+: name the store/);
    await run("account", "create", "local", "--data-dir", join(home, "store"));
    assert.equal((await run("key", "audit", "--data-dir", join(home, "store"))).status, 0);
  });

  test("that has ended still selects its server, and says what to do", async () => {
    const { env, run } = machine();
    await login(env);
    console.clock.advanceSeconds(12 * 3600);
    for (const command of [["account", "create", "late"], ["whoami"]]) {
      const answer = await run(...command);
      assert.equal(answer.status, 1);
      assert.match(answer.stderr, /The sign-in to http:\S+ has ended.* Run countersign login --admin-url/);
    }
  });

  test("in a file that others can read, that is a link, or that is damaged, is refused", async () => {
    const { env, file, run } = machine();
    await login(env);
    const text = readFileSync(file, "utf8");
    chmodSync(file, 0o644);
    const readable = await run("account", "list");
    assert.equal(readable.status, 1);
    assert.match(readable.stderr, /has the mode 0644 and can be read or written by other users; run chmod 600/);
    chmodSync(file, 0o600);
    chmodSync(join(file, ".."), 0o777);
    assert.match((await run("account", "list")).stderr, /has the mode 0777/);
    chmodSync(join(file, ".."), 0o700);
    for (const damaged of [
      "",
      "{}",
      "[]",
      "null",
      text.replace('"version": 1', '"version": 2'),
      text.slice(0, -9),
      text.replace(/csat_/, ""),
    ]) {
      writeFileSync(file, damaged);
      const answer = await run("account", "list");
      assert.equal(answer.status, 1, damaged);
      assert.match(answer.stderr, /is damaged\. Remove it/);
      assert.doesNotMatch(answer.stderr, /csat_/);
    }
    const linked = machine();
    mkdirSync(join(linked.file, ".."), { recursive: true, mode: 0o700 });
    symlinkSync(file, linked.file);
    assert.match((await linked.run("account", "list")).stderr, /symbolic link/);
  });
});

describe("countersign logout", () => {
  test("revokes the token and forgets the sign-in", async () => {
    const { env, file, run } = machine();
    await login(env);
    const { token } = JSON.parse(readFileSync(file, "utf8")).servers[url()];
    const answer = await run("logout", "--json");
    assert.deepEqual([answer.status, parse(answer.stdout)], [0, { server: url(), revoked: true }]);
    const asToken = { origin: null, headers: { Authorization: `Bearer ${token}` } };
    assert.equal((await console.ask("GET", "/me", undefined, asToken)).status, 401);
    assert.equal((await run("logout")).status, 1);
    const me = await run("whoami", "--json");
    assert.deepEqual([me.status, parse(me.stdout)], [1, { signed_in: false }]);
    assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), { version: 1, current: null, servers: {} });
  });

  test("of a sign-in that has ended is done, too", async () => {
    const { env, run } = machine();
    await login(env);
    console.clock.advanceSeconds(12 * 3600);
    assert.equal((await run("logout")).status, 0);
  });

  test("forgets the sign-in also where the server can't be reached, and says so", async () => {
    const { env, file, run } = machine();
    await login(env);
    const gone = "http://127.0.0.1:1";
    writeFileSync(file, readFileSync(file, "utf8").replaceAll(url(), gone));
    const answer = await run("logout");
    assert.deepEqual([answer.status, answer.stdout], [1, `Forgot the sign-in to ${gone}.\n`]);
    assert.match(answer.stderr, /couldn't be revoked/);
    assert.equal((await run("whoami")).status, 1);
    assert.deepEqual(JSON.parse(readFileSync(file, "utf8")).servers, {});
  });
});
