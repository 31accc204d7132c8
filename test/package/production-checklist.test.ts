/** docs/production-checklist.md: its commands are typed at a running service, and its SQL is run at a PostgreSQL. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import pg from "pg";
import { followPage, READER_REQUIREMENT, readBlocks } from "../testkit/followed-page.ts";
import { startPostgres } from "../testkit/postgres.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import { createApiUser, startServer, temporaryFolder } from "../testkit/server.ts";

const DOCS = join(import.meta.dirname, "..", "..", "docs");
const PAGE = join(DOCS, "production-checklist.md");

const missing = await findMissing(READER_REQUIREMENT);

test("every command of the checklist that needs no other machine succeeds at a running service", {
  skip: missing === undefined || IS_CI ? false : missing,
}, async () => {
  // What /usr/local/bin/countersign passes on on a machine that docs/systemd.md sets up.
  const secret = { COUNTERSIGN_MASTER_SECRET: randomBytes(32).toString("base64") };
  const server = await startServer({ env: secret });
  after(() => server.stop());
  const settings = {
    ...secret,
    COUNTERSIGN_DATA_DIR: server.dataDir,
    COUNTERSIGN_PORT: new URL(server.publicUrl).port,
    COUNTERSIGN_ADMIN_PORT: new URL(server.adminUrl).port,
  };
  await followPage(
    PAGE,
    temporaryFolder(),
    [
      [/https:\/\/auth\.example/g, server.publicUrl],
      [/http:\/\/127\.0\.0\.1:8081/g, server.adminUrl],
      [/\/var\/lib\/countersign/g, server.dataDir],
      [/ -o countersign -g countersign/g, ""],
    ],
    settings,
  );
});

test("the service works as the PostgreSQL role of the checklist, which has no further rights", async () => {
  const postgres = await startPostgres();
  after(() => postgres.stop());
  const run = async (sql: string, database?: string) => {
    // One by one: "create database" can't be part of a transaction.
    for (const statement of sql.split(/;\n/)) {
      if (statement.trim() !== "") await postgres.query(statement.replace("'…'", "'of-the-tests'"), database);
    }
  };
  const asked = async (info: string) => {
    const [row] = await postgres.query(block(info), "countersign");
    return row;
  };
  await run(block("role"));
  assert.deepEqual(await asked("check"), { too_much: false });

  const url = new URL(postgres.url("countersign"));
  [url.username, url.password] = ["countersign", "of-the-tests"];
  url.searchParams.set("sslmode", "disable");
  const env = {
    COUNTERSIGN_DATABASE_URL: url.href,
    COUNTERSIGN_MASTER_SECRET: randomBytes(32).toString("base64"),
  };
  const server = await startServer({ env });
  after(() => server.stop());
  await createApiUser(server);
  await server.json("signing-key", "rotate");
  const ports = ["--port", new URL(server.publicUrl).port, "--admin-port", new URL(server.adminUrl).port];
  const doctor = await server.cli("doctor", "--strict", ...ports);
  assert.equal(doctor.status, 0, doctor.stdout);

  const grants = readBlocks(readFileSync(join(DOCS, "listeners.md"), "utf8")).find(
    ({ language }) => language === "sql",
  );
  await run(grants?.text ?? assert.fail("docs/listeners.md has no grants"), "countersign");
  const publicUrl = new URL(url);
  publicUrl.username = "countersign_public";
  const connect = async (href: string) => {
    const client = new pg.Client({ connectionString: href });
    await client.connect();
    await client.end();
  };
  await assert.rejects(connect(publicUrl.href), /permission denied for database/);
  await run(block("connect"));
  await connect(publicUrl.href);
  assert.deepEqual(await asked("check-public"), { too_much: false });
  assert.equal(await asked("standby"), undefined, "there is no standby");
});

/** An SQL block of the page, by the word behind the language. */
function block(info: string): string {
  const found = readBlocks(readFileSync(PAGE, "utf8")).find((one) => one.language === "sql" && one.info === info);
  return found?.text ?? assert.fail(`docs/production-checklist.md has no SQL block ${info}`);
}
