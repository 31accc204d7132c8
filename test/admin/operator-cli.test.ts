/**
 * Operators and admin tokens on the command line, as transcripts, and the set-up link, which the server prints while
 * there is no operator.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, test } from "node:test";
import { eventually } from "../testkit/eventually.ts";
import { endWithThisProcess, environment, type ProgramResult } from "../testkit/run-program.ts";
import { runCountersign } from "../testkit/run-countersign.ts";
import {
  assertFails,
  COUNTERSIGN,
  parseJsonLine,
  startServer,
  temporaryFolder,
  type TestServer,
} from "../testkit/server.ts";

const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z$/;
const LINK = /^http:\/\/localhost:8081\/link#csiv_[0-9A-Za-z]{49}$/;
const PASSWORD = "correct horse battery staple";

type Run = (...args: string[]) => Promise<ProgramResult>;

function commandLine(dataDir: string, env: Readonly<Record<string, string>> = {}): Run {
  return (...args) =>
    runCountersign(args, {
      env: environment({ COUNTERSIGN_DATA_DIR: dataDir, ...env }),
    });
}

const json = async <Value>(run: Run, ...args: string[]) => parseJsonLine(await run(...args, "--json")) as Value;

/** Uses a link, as the console does. */
async function useLink({ adminUrl }: Pick<TestServer, "adminUrl">, link: string, email?: string): Promise<Response> {
  return fetch(`${adminUrl}/api/admin/v1/links/use`, {
    method: "POST",
    headers: { origin: new URL(adminUrl).origin, "content-type": "application/json" },
    body: JSON.stringify({ token: new URL(link).hash.slice(1), password: PASSWORD, ...(email && { email }) }),
  });
}

describe("operator", { concurrency: 1 }, () => {
  const dataDir = temporaryFolder();
  const run = commandLine(dataDir);

  test("list says how to make the first one; invite prints a link, in a new store too", async () => {
    const first = await run("operator", "invite", "Alice@Example.com", "--role", "owner");
    assert.equal(first.status, 0, first.stderr);
    assert.match(first.stdout.trimEnd(), LINK);
    assert.match(first.stderr, /^The link works once, until [^ ]+Z\.\n$/);
    const list = await run("operator", "list");
    assert.equal(list.stdout, "No operators yet; invite one with: countersign operator invite <email> --role owner\n");
    assert.deepEqual(await json(run, "operator", "list"), []);
  });

  test("invite --json gives the invitation and its link; --url and COUNTERSIGN_ADMIN_URL say where the console is", async () => {
    await run("account", "create", "acme");
    const where = ["--account", "acme", "--url", "https://console.example/countersign/"];
    const invite = ["operator", "invite", "bob@example.com", "--role", "viewer"];
    const invited = await json<Record<string, unknown>>(run, ...invite, ...where);
    const { id, created_at, expires_at, created_by, link, ...rest } = invited;
    assert.deepEqual(rest, { kind: "invitation", email: "bob@example.com", role: "viewer", account: "acme" });
    assert.equal(typeof id, "number");
    assert.match(String(created_by), /^cli:/);
    assert.equal(Date.parse(String(expires_at)) - Date.parse(String(created_at)), 86_400_000);
    assert.match(String(link), /^https:\/\/console\.example\/countersign\/link#csiv_/);
    const other = commandLine(dataDir, { COUNTERSIGN_ADMIN_URL: "https://admin.example" });
    const second = await other(...invite);
    assert.match(second.stdout, /^https:\/\/admin\.example\/link#csiv_/);
  });

  test("invite refuses an invalid address, role or account in one line", async () => {
    assertFails(await run("operator", "invite", "nobody", "--role", "owner"), 1, /e-mail address must be/);
    assertFails(await run("operator", "invite", "a@example.com"), 2, /--role/);
    assertFails(await run("operator", "invite", "a@example.com", "--role", "root"), 2, /viewer, admin, owner/);
    const nowhere = ["--role", "viewer", "--account", "nowhere"];
    assertFails(await run("operator", "invite", "a@example.com", ...nowhere), 1, /no account of that name/);
    assertFails(await run("operator", "invite", "a@example.com", "--role", "owner", "--url", "x"), 2, /URL/);
  });

  test("reset, deactivate and activate find the operator by address, while the server runs", async () => {
    const server = await startServer({ dataDir });
    const { link } = await json<{ link: string }>(run, "operator", "invite", "carol@example.com", "--role", "owner");
    assert.equal((await useLink(server, link)).status, 200);
    const [carol] = await json<Record<string, unknown>[]>(run, "operator", "list");
    const { id, created_at, last_signed_in_at, ...rest } = carol ?? {};
    assert.deepEqual(rest, {
      email: "carol@example.com",
      role: "owner",
      account: null,
      status: "active",
      single_sign_on: false,
    });
    assert.equal(typeof id, "number");
    assert.match(String(created_at), TIME);
    assert.match(String(last_signed_in_at), TIME);
    const table = await run("operator", "list");
    assert.match(
      table.stdout,
      /^EMAIL {14}ROLE {3}ACCOUNT {2}STATUS {2}SINGLE SIGN-ON {2}SIGNED IN\ncarol@example\.com {2}owner {2}- {8}active {2}no {14}(just now|.* ago)\n$/,
    );
    assertFails(await run("operator", "invite", "carol@example.com", "--role", "viewer"), 1, /operator .* already/);
    assertFails(await run("operator", "deactivate", "carol@example.com"), 1, /the last owner/);

    const reset = await run("operator", "reset", "CAROL@example.com");
    assert.match(reset.stdout.trimEnd(), LINK);
    const signedIn = await useLink(server, reset.stdout.trim());
    assert.equal(signedIn.status, 200);
    const cookie = (signedIn.headers.getSetCookie()[0] ?? "").split(";")[0] ?? "";
    const me = () => fetch(`${server.adminUrl}/api/admin/v1/me`, { headers: { cookie } });
    assert.equal((await me()).status, 200);

    const dora = await json<{ link: string }>(run, "operator", "invite", "dora@example.com", "--role", "owner");
    assert.equal((await useLink(server, dora.link)).status, 200);
    assert.equal(
      (await run("operator", "deactivate", "carol@example.com")).stdout,
      "carol@example.com is deactivated.\n",
    );
    assert.equal((await me()).status, 401, "on the very next request");
    assertFails(await run("operator", "reset", "carol@example.com"), 1, /deactivated/);
    const active = await json<{ status: string }>(run, "operator", "activate", "carol@example.com");
    assert.equal(active.status, "active");
    assert.equal((await me()).status, 401, "its sessions have ended");
    for (const command of ["reset", "deactivate", "activate"]) {
      assertFails(await run("operator", command, "x@example.com"), 1, /There is no operator x@example\.com\./);
    }
    await server.stop();
  });
});

describe("admin-token", { concurrency: 1 }, () => {
  const dataDir = temporaryFolder();
  const run = commandLine(dataDir);

  test("create prints only the token, or with --json all of its data; list shows neither the token nor a hash", async () => {
    const plain = await run("admin-token", "create", "ci", "--role", "admin");
    assert.match(plain.stdout, /^csat_[0-9A-Za-z]{49}\n$/);
    assert.equal(plain.stderr, "The token is shown only once; the store keeps a hash of it.\n");
    await run("account", "create", "acme");
    const wanted = ["--role", "viewer", "--account", "acme", "--expires-in", "90d"];
    const made = await json<Record<string, unknown>>(run, "admin-token", "create", "reports", ...wanted);
    assert.equal(Object.keys(made)[0], "token");
    const { token, id, created_at, expires_at, created_by, ...rest } = made;
    assert.match(String(token), /^csat_/);
    assert.equal(typeof id, "number");
    assert.match(String(created_by), /^cli:/);
    const unbound = { operator: null, host_name: null };
    assert.deepEqual(rest, {
      name: "reports",
      role: "viewer",
      account: "acme",
      status: "active",
      last_used_at: null,
      ...unbound,
    });
    const days = (Date.parse(String(expires_at)) - Date.parse(String(created_at))) / 86_400_000;
    assert.ok(days > 89.99 && days <= 90, String(days));
    const table = await run("admin-token", "list");
    assert.match(
      table.stdout,
      /^NAME {5}ROLE {4}ACCOUNT {2}STATUS {2}CREATED +EXPIRES +LAST USED\nreports {2}viewer {2}acme {5}active .*in .*never\nci {7}admin {3}- {8}active .*in 3 months.*never\n$/,
    );
    assert.doesNotMatch(table.stdout + JSON.stringify(await json(run, "admin-token", "list")), /csat_|[0-9a-f]{64}/);
  });

  test("works with the server from its creation until it is revoked, on the very next request", async () => {
    const server = await startServer({ dataDir });
    const { token } = await json<{ token: string }>(run, "admin-token", "create", "program", "--role", "owner");
    const me = () => fetch(`${server.adminUrl}/api/admin/v1/me`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal((await me()).status, 200);
    const revoked = await run("admin-token", "revoke", "--yes", "program");
    assert.equal(revoked.stdout, "program is revoked.\n");
    assert.equal((await me()).status, 401);
    await server.stop();
  });

  test("create refuses a taken or invalid name, and an invalid duration, in one line", async () => {
    assertFails(await run("admin-token", "create", "ci", "--role", "admin"), 1, /names aren't used again/);
    assertFails(await run("admin-token", "create", "A B", "--role", "admin"), 1, /lower-case letters/);
    assertFails(await run("admin-token", "create", "x", "--role", "admin", "--expires-in", "soon"), 2, /duration/);
    assertFails(await run("admin-token", "create", "x"), 2, /--role/);
    assertFails(
      await run("admin-token", "create", "x", "--role", "admin", "--expires-in", "366d"),
      1,
      /365 days at most, unless an operator says "never"/,
    );
    const endless = await json<{ expires_at: null }>(
      run,
      "admin-token",
      "create",
      "endless",
      "--role",
      "viewer",
      "--expires-in",
      "never",
    );
    assert.equal(endless.expires_at, null);
    assertFails(await run("admin-token", "revoke", "--yes", "nothing"), 1, /There is no admin token nothing\./);
  });
});

describe("the set-up link", { concurrency: 2 }, () => {
  interface SetupLine {
    readonly event: string;
    readonly setup_url: string;
    readonly expires_at: string;
  }
  const setupLines = (stderr: string) =>
    stderr
      .split("\n")
      .filter((line) => line.includes('"event":"setup"'))
      .map((line) => JSON.parse(line) as SetupLine);

  test("is printed at each start until there is an operator, at any log level, and voids the previous ones", async () => {
    const dataDir = temporaryFolder();
    const flags = ["--log-level", "silent"];
    const first = await startServer({ dataDir, flags });
    const [before] = setupLines(first.stderr());
    assert.equal(first.stderr().trimEnd().split("\n").length, 1, "one line, and nothing else");
    assert.deepEqual(Object.keys(before ?? {}), ["event", "setup_url", "expires_at"]);
    assert.match(before?.expires_at ?? "", TIME);
    const url = new URL(before?.setup_url ?? "");
    assert.equal(url.origin, first.adminUrl.replace("127.0.0.1", "localhost"), "the assigned port");
    assert.equal(first.stdout().trimEnd().split("\n").length, 1, "standard output has its one line");
    await first.stop();

    const second = await startServer({ dataDir, flags });
    const [now] = setupLines(second.stderr());
    assert.notEqual(now?.setup_url, before?.setup_url);
    assert.equal((await useLink(second, before?.setup_url ?? "", "a@example.com")).status, 403);
    assert.equal((await useLink(second, now?.setup_url ?? "", "a@example.com")).status, 200);
    await second.stop();

    const third = await startServer({ dataDir, flags });
    assert.equal(third.stderr(), "");
    await third.stop();
  });

  test("is printed once where several processes serve, with the address of the console where there is one", async () => {
    const server = await startServer({
      flags: ["--workers", "2", "--log-level", "silent", "--admin-url", "https://console.example"],
    });
    const lines = setupLines(server.stderr());
    assert.equal(lines.length, 1, server.stderr());
    assert.match(lines[0]?.setup_url ?? "", /^https:\/\/console\.example\/link#csiv_/);
    await server.stop();
    assert.equal(setupLines(server.stderr()).length, 1);
  });

  test("is printed by the demo once it stays up, with the console's address", async () => {
    const child = spawn(process.execPath, [COUNTERSIGN, "demo"], {
      env: environment({}),
      stdio: ["ignore", "pipe", "inherit"],
    });
    endWithThisProcess(child);
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    await eventually("the demo stays up", () => stdout.includes("Running until Ctrl-C"), 60_000);
    const console = /^console +(http:\/\/localhost:[0-9]+)$/m.exec(stdout)?.[1];
    const link = /(http:\/\/localhost:[0-9]+\/link#csiv_[0-9A-Za-z]{49})/.exec(stdout)?.[1] ?? "";
    assert.equal(new URL(link).origin, console);
    const used = await useLink({ adminUrl: new URL(link).origin }, link, "first@example.com");
    assert.equal(used.status, 200);
    child.kill("SIGINT");
    assert.deepEqual(await once(child, "exit"), [0, null]);
  });
});
