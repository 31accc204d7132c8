/** What only PostgreSQL does; what every engine must do is in store-contract.ts, which postgres-store.test.ts runs. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, statSync, chownSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { after, afterEach, beforeEach, describe, test } from "node:test";
import { sql } from "kysely";
import pg from "pg";
import { findChainBreak, type UnchainedEvent } from "../../core/feed/audit-chain.ts";
import { raceStores } from "../../testing/race-stores.ts";
import { startPostgres } from "../../testing/test-postgres.ts";
import { makeTemporaryFolder } from "../../testing/test-registry.ts";
import { until } from "../../../../../test/testkit/eventually.ts";
import { SchemaError } from "../migrate.ts";
import type { SqlStore } from "../sql-store.ts";
import { Refusal } from "../../core/refusal.ts";
import { StoreOpenError, StoreUnreachable } from "../store-open-error.ts";
import { openPostgresStore, type PostgresOptions } from "./open-postgres-store.ts";
import { idsWithRuns } from "./runs.ts";

const EVENT: UnchainedEvent = { atMs: 1, actor: "test", action: "key.added", subject: "key:1", details: {} };

/** The lock that every change takes. */
const CHANGE_LOCK = 4_127_560_113;

const server = await startPostgres();
after(() => server.stop());

let url: string;
let stores: SqlStore[];
let clients: pg.Client[];

beforeEach(async () => {
  url = await server.createDatabase();
  stores = [];
  clients = [];
});
afterEach(async () => {
  await Promise.all([...stores.map((store) => store.close()), ...clients.map((client) => client.end())]);
  await server.query(`drop database ${nameOf(url)} with (force)`);
});

function nameOf(databaseUrl: string): string {
  return new URL(databaseUrl).pathname.slice(1);
}

async function open(options: Partial<PostgresOptions> = {}): Promise<SqlStore> {
  const store = await openPostgresStore({ url, connectionsMax: 3, ...options });
  stores.push(store);
  return store;
}

/** A session behind the store's back. */
async function session(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  clients.push(client);
  return client;
}

/** The backends that serve stores of this process. */
async function backends(which = "true"): Promise<readonly number[]> {
  const rows = await server.query(
    `select pid from pg_stat_activity where application_name = 'countersign' and datname = '${nameOf(url)}' and ${which}`,
  );
  return rows.map(({ pid }) => Number(pid));
}

async function errorOf(work: Promise<unknown>): Promise<Error> {
  const error: unknown = await work.then(
    () => assert.fail("it succeeded"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof Error);
  return error;
}

test("a search finds by the indexes of runs, also what many have", async () => {
  const store = await open();
  const client = await session();
  await client.query(
    "insert into accounts (shortname, name, search_name, status, created_at_ms, users) values ('a', 'a', 'a', 'active', 1, 0)",
  );
  await client.query(
    `insert into api_users (account_id, username, access, status, created_at_ms)
     select 1, 'api-1-' || case when n > 1000 then 'many' else 'old' end || n, 'full', 'active', n from generate_series(1, 2000) as n`,
  );
  await client.query(
    `insert into public_keys (user_id, account_id, fingerprint, thumbprint, modulus_hash, bits, spki, status, created_at_ms,
       idle_since_day, label)
     select id, 1, 'f' || id, 't' || id, 'm' || id, 2048, '', 'active', 1, 0, 'of ' || username from api_users`,
  );
  await client.query("analyze");
  await store.withChangesLocked(async (transaction) => {
    for (const [of, index] of [
      ["users", "api_users_search"],
      ["labels", "public_keys_search"],
    ] as const) {
      for (const runs of [["man", "any"], ["qqq"]]) {
        const plan = await sql`explain ${idsWithRuns(of, runs)} limit 100`.execute(transaction);
        assert.match(JSON.stringify(plan.rows), new RegExp(`Index Scan on ${index}`));
      }
    }
  });
});

describe("a database whose encoding isn't UTF-8", () => {
  for (const encoding of ["LATIN1", "SQL_ASCII", "EUC_JP"]) {
    test(`${encoding} is refused before anything is written, and the message says what is needed`, async () => {
      const name = `encoded_${encoding.toLowerCase()}`;
      await server.query(`create database ${name} encoding '${encoding}' locale 'C' template template0`);
      const error = await errorOf(open({ url: server.url(name) }));
      assert.ok(error instanceof StoreOpenError && !(error instanceof StoreUnreachable));
      assert.match(
        error.message,
        new RegExp(`/${name} has the encoding ${encoding}, and UTF8 is needed; make another`),
      );
      assert.deepEqual(await server.query("select 1 from pg_tables where schemaname = 'public'", name), []);
      await server.query(`drop database ${name} with (force)`);
    });
  }
});

describe("a database that isn't this release's", () => {
  test("with an unknown later migration is refused with a SchemaError, and left unchanged", async () => {
    await (await openPostgresStore({ url, connectionsMax: 2 })).close();
    await server.query(
      "insert into kysely_migration (name, timestamp) values ('9999-later', '2099-01-01T00:00:00.000Z')",
      nameOf(url),
    );
    const error = await errorOf(open());
    assert.ok(error instanceof SchemaError, String(error));
    assert.equal(
      error.message,
      "the store was written by a newer release of Countersign; start that release, or a newer one",
    );
    const rows = await server.query("select name from kysely_migration order by name", nameOf(url));
    assert.deepEqual(
      rows.map(({ name }) => name),
      [
        "0001-registry",
        "0002-token-checks",
        "0003-many-nodes",
        "0004-administration",
        "0005-store-identity",
        "0006-operators",
        "0007-list-indexes",
        "0008-key-trust",
        "0009-node-names",
        "0010-refusals-by-user",
        "0011-descriptions",
        "0012-search",
        "0013-device-sign-ins",
        "0014-search-plan",
        "9999-later",
      ],
    );
  });

  test("with a foreign table of the same name is refused with a SchemaError, and left unchanged", async () => {
    await server.query("create table audit_events (x integer)", nameOf(url));
    const error = await errorOf(open());
    assert.ok(error instanceof SchemaError, String(error));
    assert.equal(
      error.message,
      `the store's schema can't be brought up to date (relation "audit_events" already exists)`,
    );
    const rows = await server.query("select 1 from pg_tables where tablename = 'accounts'", nameOf(url));
    assert.deepEqual(rows, [], "a migration that fails leaves nothing of itself");
  });

  test("in which this user may not create tables is refused with an explanation", async () => {
    await server.query("create role reader login", nameOf(url));
    const error = await errorOf(open({ url: url.replace(/\/\/[^@]+@/, "//reader@") }));
    assert.match(error.message, /permission denied for schema public/);
    assert.ok(!(error instanceof StoreUnreachable), "waiting wouldn't help");
  });
});

describe("a number of the database", () => {
  test("that doesn't fit into a JavaScript number is an error, never another number", async () => {
    const store = await open();
    const { seq } = await store.transaction((transaction) =>
      transaction.events.append({ ...EVENT, atMs: Number.MAX_SAFE_INTEGER }),
    );
    assert.equal((await store.events.after(seq - 1, 1))[0]?.atMs, Number.MAX_SAFE_INTEGER);
    await server.query(`update audit_events set at_ms = ${2n ** 53n}`, nameOf(url));
    await assert.rejects(store.events.after(0, 1), { message: "the database has a number that doesn't fit" });
    assert.deepEqual(await store.accounts.list(), [], "and the connection still works");
  });
});

describe("a statement that takes too long", () => {
  test("is rejected, and its connection isn't used again", async () => {
    const store = await open({ statementMsMax: 300 });
    await store.accounts.list();
    const [stuck] = await backends();
    const locking = await session();
    await locking.query("begin; lock table accounts in access exclusive mode");
    await assert.rejects(store.accounts.list(), {
      code: "unavailable",
      message: "The store can't be read: the database doesn't answer in time.",
    });
    assert.deepEqual(await store.events.after(0, 1), [], "other statements work meanwhile");
    await locking.query("rollback");
    assert.deepEqual(await store.accounts.list(), []);
    await until(async () => !(await backends()).includes(stuck ?? 0));
  });

  test("in a transaction rolls it back, and the next one works", async () => {
    const store = await open({ statementMsMax: 300 });
    const locking = await session();
    await locking.query("begin; lock table accounts in access exclusive mode");
    await assert.rejects(
      store.transaction(async (transaction) => {
        await transaction.events.append(EVENT);
        await transaction.accounts.find("acme");
      }),
      {
        code: "unavailable",
        message: "The store can't be written: the database doesn't answer in time. Nothing was changed.",
      },
    );
    await locking.query("rollback");
    assert.equal((await store.events.last()).seq, 0);
    await until(async () =>
      store
        .transaction((transaction) => transaction.events.append(EVENT))
        .then(
          ({ seq }) => seq === 1,
          () => false,
        ),
    );
  });
});

describe("a database that can't be written", () => {
  const insert = (store: SqlStore) =>
    store.transaction((transaction) =>
      transaction.accounts.insert({ shortname: "acme", name: "Acme", createdAtMs: 1 }),
    );

  test("because its disk is full says so, and accepts changes again once there is room", async () => {
    const store = await open();
    // PostgreSQL's own error; a really full disk would end its server.
    await server.query(
      `create function full_disk() returns trigger language plpgsql as $$
        begin raise exception 'could not extend file' using errcode = 'disk_full'; end $$;
      create trigger full_disk before insert on accounts execute function full_disk()`,
      nameOf(url),
    );
    await assert.rejects(insert(store), {
      code: "unavailable",
      message: "The store can't be written: the database's disk is full. Nothing was changed.",
    });
    assert.equal(store.writeProblem(), "the database's disk is full");
    await server.query("drop trigger full_disk on accounts", nameOf(url));
    await insert(store);
    assert.equal(store.writeProblem(), undefined);
  });

  test("because it is read-only says so, and can be read", async () => {
    const store = await open();
    await server.query(`alter database ${nameOf(url)} set default_transaction_read_only = on`);
    for (const pid of await backends()) await server.query(`select pg_terminate_backend(${pid})`);
    await until(async () => (await backends()).length === 0);
    assert.deepEqual(await store.accounts.list(), []);
    await assert.rejects(insert(store), {
      code: "unavailable",
      message: "The store can't be written: the database is read-only; it may be a standby. Nothing was changed.",
    });
  });

  test("because the connection is lost in the middle of a change reports that, not the rollback's error", async () => {
    const store = await open();
    const change = store.transaction(async (transaction) => {
      await transaction.events.append(EVENT);
      for (const pid of await backends("state = 'idle in transaction'")) {
        await server.query(`select pg_terminate_backend(${pid}, 5000)`);
      }
      await transaction.events.append(EVENT);
    });
    await assert.rejects(change, {
      code: "unavailable",
      message: "The store can't be written: the database can't be reached. Nothing was changed.",
    });
    assert.equal((await store.events.last()).seq, 0);
  });

  test("in time makes the change fail, and it is never made later", async () => {
    const store = await open({ writeMsMax: 400 });
    const holder = await session();
    await holder.query("select pg_advisory_lock($1)", [CHANGE_LOCK]);
    const changes = await Promise.allSettled(Array.from({ length: 10 }, () => insert(store)));
    for (const change of changes) {
      assert.equal(change.status, "rejected");
      assert.match(String(change.reason), /took over 0\.4 s\. Nothing was changed\.$/);
    }
    await holder.query("select pg_advisory_unlock($1)", [CHANGE_LOCK]);
    // After everything that was given up, since changes run one after the other. A slow machine may need more than one
    // try.
    const insertNext = () =>
      store.transaction((transaction) =>
        transaction.accounts.insert({ shortname: "next", name: "Next", createdAtMs: 1 }),
      );
    await until(() =>
      insertNext().then(
        () => true,
        () => false,
      ),
    );
    assert.deepEqual(
      (await store.accounts.list()).map(({ shortname }) => shortname),
      ["next"],
    );
  });
});

describe("a change that hangs on another node", () => {
  test("makes this node's changes fail in time, and doesn't delay its reads", async () => {
    const store = await open({ connectionsMax: 2, statementMsMax: 500 });
    const hanging = await session();
    await hanging.query("select pg_advisory_lock($1)", [CHANGE_LOCK]);
    let settled = 0;
    const changing = Promise.allSettled(
      Array.from({ length: 20 }, () =>
        store.transaction((transaction) => transaction.events.append(EVENT)).finally(() => settled++),
      ),
    );
    await until(async () => (await backends("wait_event_type = 'Lock'")).length > 0);
    for (let reads = 0; reads < 20; reads++) assert.equal((await store.events.last()).seq, 0);
    assert.equal(settled, 0);
    const used = await store.assertions.use([]);
    assert.deepEqual(used, []);
    assert.ok((await changing).every(({ status }) => status === "rejected"));
    await hanging.query("select pg_advisory_unlock($1)", [CHANGE_LOCK]);
    await until(async () =>
      store
        .transaction((transaction) => transaction.events.append(EVENT))
        .then(
          () => true,
          () => false,
        ),
    );
    assert.equal((await store.events.last()).seq, 1);
  });

  test("is ended by the database and rolled back, so that other nodes' changes continue", async () => {
    const hanging = await open({ statementMsMax: 200 });
    const store = await open();
    const inside = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const half = hanging.transaction(async (transaction) => {
      await transaction.events.append(EVENT);
      inside.resolve();
      await release.promise;
      await transaction.events.append(EVENT);
    });
    half.catch(() => undefined);
    await inside.promise;
    assert.equal((await store.transaction((transaction) => transaction.events.append(EVENT))).seq, 1);
    release.resolve();
    await assert.rejects(half);
    assert.equal((await store.events.last()).seq, 1);
    assert.equal((await hanging.transaction((transaction) => transaction.events.append(EVENT))).seq, 2);
  });
});

describe("changes", () => {
  test("keep their order and the chain whatever the database's default isolation is", async () => {
    await server.query(`alter database ${nameOf(url)} set default_transaction_isolation = 'repeatable read'`);
    const store = await open();
    const opener = {
      module: new URL("../../testing/open-test-postgres-store.ts", import.meta.url).href,
      export: "openTestPostgresStore",
      location: url,
    };
    const outcomes = (await raceStores(opener, 3, { kind: "appendEvents", count: 10 })).flat();
    assert.deepEqual(new Set(outcomes), new Set(["done"]));
    const events = await store.events.after(0, 100);
    assert.equal(events.length, 30);
    assert.equal(findChainBreak(events, undefined), undefined);
  });
});

describe("a connection that is cut", () => {
  test("between statements is replaced", async () => {
    const store = await open();
    await Promise.all([store.accounts.list(), store.accounts.list(), store.accounts.list()]);
    const before = await backends();
    assert.ok(before.length > 0);
    await server.query(`select pg_terminate_backend(pid, 5000) from unnest(array[${before.join()}]) as pid`);
    await until(() =>
      store.accounts.list().then(
        () => true,
        () => false,
      ),
    );
    for (const pid of await backends()) assert.ok(!before.includes(pid));
  });

  test("in the middle of a change rolls it back, and the next one works", async () => {
    const store = await open();
    await assert.rejects(
      store.transaction(async (transaction) => {
        await transaction.events.append(EVENT);
        const pids = await backends("state = 'idle in transaction'");
        assert.equal(pids.length, 1);
        await server.query(`select pg_terminate_backend(${pids[0]}, 5000)`);
        await transaction.events.append(EVENT);
      }),
    );
    assert.equal((await store.transaction((transaction) => transaction.events.append(EVENT))).seq, 1);
  });

  test("while a statement waits rejects that statement", async () => {
    const store = await open();
    const locking = await session();
    await locking.query("begin; lock table accounts in access exclusive mode");
    const waiting = store.accounts.list();
    waiting.catch(() => undefined);
    await until(async () => (await backends("wait_event_type = 'Lock'")).length === 1);
    await server.query(`select pg_terminate_backend(${(await backends("wait_event_type = 'Lock'"))[0]})`);
    await assert.rejects(waiting);
    await locking.query("rollback");
    assert.deepEqual(await store.accounts.list(), []);
  });
});

describe("what a request reads", () => {
  test("is given up after 2 s where the database hangs, long before a statement's own limit", async () => {
    const store = await open({ connectionsMax: 2 });
    await store.accounts.list();
    const pids = await backends();
    for (const pid of pids) process.kill(pid, "SIGSTOP");
    try {
      // There is one connection for reads, which hangs until all of them have their answer: the wait for it counts too.
      const asked = Array.from({ length: 20 }, (_, at) => store.users.loadRecord(`api-1-${at}`));
      const all = [...asked, store.changeMarker(), store.signingKeys.list(), store.clockMs()];
      for (const outcome of await Promise.allSettled(all)) {
        assert.ok(outcome.status === "rejected" && outcome.reason instanceof Refusal);
        assert.equal(outcome.reason.message, "The store can't be read: the database hasn't answered for 2 s.");
        assert.equal(outcome.reason.code, "unavailable");
      }
    } finally {
      for (const pid of pids) process.kill(pid, "SIGCONT");
    }
    await until(() =>
      store.users.loadRecord("api-1-x").then(
        () => true,
        () => false,
      ),
    );
  });

  test("reads the database's clock", async () => {
    const before = Date.now();
    const clockMs = (await (await open()).clockMs()) ?? assert.fail();
    assert.ok(clockMs >= before - 1000 && clockMs <= Date.now() + 1000, "both clocks are this machine's");
  });
});

describe("closing", () => {
  test("is quick even if the database hangs", async () => {
    const store = await openPostgresStore({ url, connectionsMax: 3 });
    const watch = store.watchChanges(() => undefined);
    await until(() => watch.isReliable());
    await Promise.all([store.accounts.list(), store.accounts.list()]);
    const pids = await backends();
    assert.ok(pids.length >= 2);
    for (const pid of pids) process.kill(pid, "SIGSTOP");
    try {
      // They hang until both have ended.
      await watch.stop();
      await store.close();
    } finally {
      for (const pid of pids) process.kill(pid, "SIGCONT");
    }
  });

  test("twice is the same as once, also if the store was never used", async () => {
    for (const use of [false, true]) {
      const store = await openPostgresStore({ url, connectionsMax: 2 });
      if (use) await store.accounts.list();
      await Promise.all([store.close(), store.close()]);
      await store.close();
      await assert.rejects(store.accounts.list());
      // PostgreSQL ends a backend in its own time, and those of the test before too.
      await until(async () => (await backends()).length === 0);
    }
  });
});

describe("a backup", () => {
  test("isn't created, and the message names the command that creates it", async () => {
    const error = await errorOf((await open()).backup("x"));
    assert.ok(error instanceof StoreOpenError);
    assert.match(error.message, /pg_dump/);
  });
});

describe("a database that can't be opened", () => {
  const PASSWORD = "hunter2-%40-hunter2";
  const HINT = "; check that it runs, the URL's user, password and database, and its sslmode";

  async function problemOf(badUrl: string) {
    const error = await errorOf(open({ url: badUrl }));
    assert.ok(error instanceof StoreOpenError, String(error));
    for (const secret of [PASSWORD, decodeURIComponent(PASSWORD), "hunter2"]) {
      assert.ok(!error.message.includes(secret), error.message);
    }
    assert.ok(error.message.endsWith(HINT), error.message);
    const says = /^the PostgreSQL database at (\S+) can't be used \((.*)\);/.exec(error.message);
    return { isTemporary: error instanceof StoreUnreachable, place: says?.[1], problem: says?.[2] };
  }

  const place = (database: string) => `127.0.0.1:${server.port}/${database}`;
  const urlOf = (user: string, database: string, query = "") =>
    `postgres://${user}:${PASSWORD}@${place(database)}${query}`;

  test("because the password is wrong is refused permanently", async () => {
    const hba = join(server.dataDir, "pg_hba.conf");
    const before = readFileSync(hba, "utf8");
    await server.query("create role secured login password 'another password'");
    try {
      writeFileSync(hba, `host all secured 127.0.0.1/32 scram-sha-256\n${before}`);
      await server.query("select pg_reload_conf()");
      let answer: Awaited<ReturnType<typeof problemOf>> | undefined;
      await until(async () => {
        answer = await problemOf(urlOf("secured", nameOf(url))).catch(() => undefined);
        return answer !== undefined;
      });
      assert.deepEqual(answer, {
        isTemporary: false,
        place: place(nameOf(url)),
        problem: '28P01: password authentication failed for user "secured"',
      });
    } finally {
      writeFileSync(hba, before);
      await server.query("select pg_reload_conf()");
    }
  });

  test("because it or its user doesn't exist is refused permanently", async () => {
    assert.deepEqual(await problemOf(urlOf("postgres", "no_such_database")), {
      isTemporary: false,
      place: place("no_such_database"),
      problem: '3D000: database "no_such_database" does not exist',
    });
    assert.deepEqual(await problemOf(urlOf("nobody", nameOf(url))), {
      isTemporary: false,
      place: place(nameOf(url)),
      problem: '28000: role "nobody" does not exist',
    });
  });

  test("because nothing listens is a temporary failure", async () => {
    assert.deepEqual(await problemOf(`postgres://hugo:${PASSWORD}@127.0.0.1:9/x`), {
      isTemporary: true,
      place: "127.0.0.1:9/x",
      problem: "ECONNREFUSED: connect ECONNREFUSED 127.0.0.1:9",
    });
  });

  test("because it has no free connection is a temporary failure", async () => {
    await server.query("create role crowded login connection limit 0");
    const { isTemporary, problem } = await problemOf(urlOf("crowded", nameOf(url)));
    assert.deepEqual([isTemporary, problem], [true, '53300: too many connections for role "crowded"']);
  });

  test("because the server stays silent or hangs up is a temporary failure", async () => {
    for (const onConnection of [
      (socket: Socket) => socket.on("error", () => undefined),
      (socket: Socket) => socket.end(),
    ]) {
      const mute = createServer(onConnection).listen(0, "127.0.0.1");
      await new Promise((resolve) => mute.once("listening", resolve));
      const { port } = mute.address() as AddressInfo;
      const { isTemporary, place: named } = await problemOf(`postgres://hugo:${PASSWORD}@127.0.0.1:${port}/x`);
      assert.deepEqual([isTemporary, named], [true, `127.0.0.1:${port}/x`]);
      mute.close();
    }
  });

  test("because it has no TLS, which the URL requires, is refused permanently", async () => {
    for (const mode of ["prefer", "require", "verify-ca", "verify-full", "no-verify"]) {
      assert.deepEqual(await problemOf(urlOf("postgres", nameOf(url), `?sslmode=${mode}`)), {
        isTemporary: false,
        place: place(nameOf(url)),
        problem: "The server does not support SSL connections",
      });
    }
    await open({ url: `${url}?sslmode=disable` });
  });

  describe("with TLS", () => {
    const folder = makeTemporaryFolder();
    after(() => folder.remove());
    const openssl = (words: string) =>
      execFileSync("openssl", words.split(" "), { cwd: folder.path, stdio: ["ignore", "ignore", "pipe"] });

    function makeCertificates(): void {
      for (const name of ["ca", "other"]) {
        openssl(`req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=${name} -keyout ${name}.key -out ${name}.crt`);
      }
      openssl("req -newkey rsa:2048 -nodes -subj /CN=db -keyout server.key -out server.csr");
      writeFileSync(folder.file("san"), "subjectAltName=IP:127.0.0.1");
      openssl("x509 -req -in server.csr -CA ca.crt -CAkey ca.key -days 2 -extfile san -out server.crt");
      const { uid, gid } = statSync(server.dataDir);
      for (const name of ["server.crt", "server.key"]) {
        const path = join(server.dataDir, name);
        writeFileSync(path, readFileSync(folder.file(name)), { mode: 0o600 });
        chownSync(path, uid, gid);
      }
    }

    test("a certificate is verified, by name and against the given authority, in every mode that asks for it", async () => {
      makeCertificates();
      await server.query("alter system set ssl = on");
      await server.query("select pg_reload_conf()");
      try {
        const withCa = (mode: string, ca: string, database = nameOf(url)) =>
          urlOf("postgres", database, `?sslmode=${mode}&sslrootcert=${encodeURIComponent(folder.file(ca))}`);
        await until(() =>
          open({ url: withCa("verify-full", "ca.crt") }).then(
            () => true,
            () => false,
          ),
        );
        await stores.at(-1)?.accounts.list();
        const encrypted = await server.query(
          `select ssl from pg_stat_ssl join pg_stat_activity using (pid)
           where application_name = 'countersign' and datname = '${nameOf(url)}'`,
        );
        assert.deepEqual(encrypted, [{ ssl: true }]);
        for (const mode of ["require", "verify-ca", "verify-full"]) {
          await (await open({ url: withCa(mode, "ca.crt") })).accounts.list();
          const { isTemporary } = await problemOf(withCa(mode, "other.crt"));
          assert.equal(isTemporary, false, "a wrong certificate authority is a permanent failure");
          // This machine doesn't trust the authority.
          assert.equal((await problemOf(urlOf("postgres", nameOf(url), `?sslmode=${mode}`))).isTemporary, false);
        }
        const otherName = withCa("verify-full", "ca.crt").replace("127.0.0.1", "localhost");
        const named = await problemOf(otherName);
        assert.equal(named.isTemporary, false);
        assert.match(named.problem ?? "", /ERR_TLS_CERT_ALTNAME_INVALID/);
        await (await open({ url: urlOf("postgres", nameOf(url), "?sslmode=no-verify") })).accounts.list();
        const missing = await problemOf(withCa("verify-full", "nowhere.crt"));
        assert.equal(missing.isTemporary, false);
        assert.match(missing.problem ?? "", /ENOENT/);
      } finally {
        await server.query("alter system reset ssl");
        await server.query("select pg_reload_conf()");
      }
    });
  });
});
