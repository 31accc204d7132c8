/**
 * What Kubernetes does to a process, done to a server without Kubernetes: the environment, volumes, user and read-only root of the
 * manifests' pods, and a roll-out while the endpoints of a stopped pod still get requests.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { PodSpec } from "kubernetes-types/core/v1.js";
import { reservePort } from "../../packages/server/src/testing/reserve-port.ts";
import { canConnect } from "../../packages/server/src/testing/raw-http.ts";
import { basic } from "../../packages/server/src/testing/test-http.ts";
import { connectClient } from "../testkit/api-client.ts";
import { monotonicMs } from "../testkit/companion.ts";
import { eventually } from "../testkit/eventually.ts";
import { startIntrospection } from "../testkit/introspecting-clients.ts";
import { describeJudgement, judge, openSubject, startTraffic } from "../testkit/judge.ts";
import {
  containerEnvironment,
  containerPrefix,
  KUBECTL,
  makeDataVolume,
  podSpecOf,
  renderManifests,
  type Resource,
  serviceLinks,
  workloadOf,
  writeSecretVolume,
} from "../testkit/kubernetes.ts";
import { BALANCERS, openSite, type Site } from "../testkit/nodes.ts";
import { startPostgres, type TestPostgres } from "../testkit/postgres.ts";
import { childrenOf } from "../testkit/processes.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import { rsaKeyPair } from "../testkit/rsa-keys.ts";
import { environment, runProgram, startBackgroundProgram } from "../testkit/run-program.ts";
import { COUNTERSIGN, type ServerExit, startServer, temporaryFolder, type TestServer } from "../testkit/server.ts";

const nginx = BALANCERS.find(({ name }) => name === "nginx") ?? assert.fail("there is no nginx among the balancers");
const missing = (await findMissing(KUBECTL)) ?? (await findMissing(nginx));
const needsRoot = process.getuid?.() === 0 ? false : "only root can give volumes and a user to a process";

/** Clients that mint and check, and as many that introspect. */
const CLIENTS = 6;

/** How many answers there must be of each kind before a roll-out goes on. */
const ANSWERS_BETWEEN = 50;

if (missing !== undefined && IS_CI) test("pods", () => assert.fail(missing));
else {
  describe("a pod of the SQLite overlay", { skip: missing ?? needsRoot }, onePod);
  describe("three pods of the PostgreSQL overlay", { skip: missing ?? needsRoot }, threePods);
}

/** What Kubernetes sets for the manifests' own Services, and for others with names like settings. */
const LINKS = {
  ...serviceLinks("countersign", [["http", 8080]]),
  ...serviceLinks("countersign-internal", [["internal", 8081]]),
  ...serviceLinks("countersign-admin", [["http", 8081]]),
  ...serviceLinks("countersign-database", [["postgresql", 5432]]),
  ...serviceLinks("countersign-public", [["http", 80]]),
};

/** The variables of a pod, as the image's and Kubernetes' together, without the address to bind. */
function podEnvironment(resources: readonly Resource[]): Record<string, string> {
  // Kubernetes keeps its links from a pod that names a variable itself.
  return { ...LINKS, ...containerEnvironment(resources) };
}

/** As the kubelet does when it mounts a volume for the next pod: everything gets the pod's group, which may write to it. */
function applyGroup(folder: string, group: number): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    chownSync(path, 65532, group);
    chmodSync(path, entry.isDirectory() ? 0o2770 : 0o660);
  }
}

function onePod(): void {
  let pod: PodSpec;
  let env: Record<string, string>;
  let data: string;
  let prefix: readonly string[];
  let ports: readonly number[];
  let server: TestServer;
  let token: string;
  const masterSecret = randomBytes(32).toString("base64");
  const pair = rsaKeyPair("pod");

  const start = () => {
    const flags = ["--port", String(ports[0]), "--admin-port", String(ports[1])];
    return startServer({ env, prefix, flags, dataDir: env["COUNTERSIGN_DATA_DIR"] ?? "" });
  };
  /** As `kubectl exec` does. */
  const exec = async (words: readonly string[], input = "") => {
    const [program = "", ...args] = [...prefix, process.execPath, COUNTERSIGN, ...words];
    const { status, stderr } = await runProgram(program, args, { env: environment(env), input });
    assert.equal(status, 0, stderr);
  };
  const client = () => connectClient(`http://127.0.0.1:${ports[0]}`, "api-1-demo", pair.privateKey);
  const check = async () => {
    const asking = await client();
    try {
      return (await asking.check(token)).status;
    } finally {
      asking.connection.end();
    }
  };

  before(async () => {
    const resources = await renderManifests("overlays/sqlite");
    pod = podSpecOf(workloadOf(resources));
    env = podEnvironment(resources);
    data = makeDataVolume(pod);
    prefix = containerPrefix(pod, data, writeSecretVolume(pod, { "master-secret": `${masterSecret}\n` }));
    ports = [await reservePort(), await reservePort()];
    server = await start();
  });
  after(() => server?.stop());

  test("starts as its user with a read-only root, whatever Services there are, and names their variables in one line", () => {
    assert.deepEqual(server.stderr().match(/"level":"(?:warn|error)"/g), ['"level":"warn"']);
    for (const name of Object.keys(LINKS)) {
      // A variable of the manifest takes the place of a link of the same name.
      if (env[name] === LINKS[name as keyof typeof LINKS]) assert.match(server.stderr(), new RegExp(`\\b${name}\\b`));
    }
    const status = readFileSync(`/proc/${server.pid}/status`, "utf8");
    assert.match(status, /Uid:(\t65532){4}\n/);
    assert.match(status, /CapEff:\t0{16}\n[^]*NoNewPrivs:\t1\n/);
    const mounts = readFileSync(`/proc/${server.pid}/mountinfo`, "utf8")
      .split("\n")
      .map((line) => line.split(" "));
    assert.match(mounts.findLast(([, , , , place]) => place === "/")?.[5] ?? "", /^ro\b/);
    assert.doesNotMatch(server.stderr(), new RegExp(masterSecret.slice(0, 20).replaceAll("+", "\\+")));
  });

  test("administers its store by commands in the pod, mints and checks", async () => {
    await exec(["account", "create", "acme"]);
    await exec(["user", "create", "demo", "--account", "acme"]);
    await exec(["key", "add", "api-1-demo", "-"], pair.publicPem);
    const asking = await client();
    token = await eventually("the server knows the key", async () => {
      const { status, body } = await asking.exchange();
      return status === 200 ? (JSON.parse(body) as { data: { token: string } }).data.token : undefined;
    });
    asking.connection.end();
    assert.equal(await check(), 200);
  });

  test("starts again after the kubelet has opened the volume to the pod's group", async () => {
    assert.deepEqual(await server.stop(), { status: 0, signal: null });
    applyGroup(data, pod.securityContext?.fsGroup ?? 0);
    server = await start();
    assert.equal(await check(), 200);
  });

  test("starts again as another user of the same group, as after a change of runAsUser", async () => {
    assert.deepEqual(await server.stop(), { status: 0, signal: null });
    applyGroup(data, pod.securityContext?.fsGroup ?? 0);
    const own = prefix;
    prefix = own.map((word, at) => (at === own.length - 2 ? "65599" : word));
    server = await start();
    assert.match(readFileSync(`/proc/${server.pid}/status`, "utf8"), /Uid:(\t65599){4}\n/);
    assert.equal(await check(), 200);
  });
}

function threePods(): void {
  let postgres: TestPostgres;
  let databaseUrl: string;
  let site: Site;
  let resources: readonly Resource[];
  let env: Record<string, string>;
  const pods: Pod[] = [];
  const masterSecret = randomBytes(32).toString("base64");

  interface Pod {
    readonly port: number;
    readonly adminUrl: string;
    readonly server: TestServer;
  }

  before(async () => {
    postgres = await startPostgres();
    databaseUrl = await postgres.createDatabase();
    site = await openSite(databaseUrl, masterSecret);
    resources = await renderManifests("overlays/postgresql");
    env = { ...podEnvironment(resources), COUNTERSIGN_PUBLIC_URL: "http://countersign.test" };
    const spec = podSpecOf(workloadOf(resources));
    const secrets = writeSecretVolume(spec, { "master-secret": masterSecret, "database-url": databaseUrl });
    startPod = async () => {
      const [port, adminPort] = [await reservePort(), await reservePort()];
      const server = await startServer({
        env,
        prefix: containerPrefix(spec, makeDataVolume(spec), secrets),
        flags: ["--port", String(port), "--admin-port", String(adminPort), "--refusal-limit", "0"],
        dataDir: env["COUNTERSIGN_DATA_DIR"] ?? "",
      });
      return { port, adminUrl: `http://127.0.0.1:${adminPort}`, server };
    };
    pods.push(...(await Promise.all([startPod(), startPod(), startPod()])));
  });
  after(async () => {
    // Not stopped: that takes as long as the drain delay.
    await Promise.all(pods.map(({ server }) => server.kill()));
    await site?.operator.stop();
    await postgres?.stop();
  });
  let startPod: () => Promise<Pod>;

  test("are rolled over without losing a request, while stopped pods still get their share and nothing is repeated", async (t) => {
    const proxy = await startProxy(pods.map(({ port }) => port));
    const target = { name: "nginx", url: proxy.url };
    const directUrl = `http://127.0.0.1:${pods[0]?.port}`;
    const subjects = await Promise.all(
      ["one", "two"].map(async (name) => openSubject(await site.createUser(name), directUrl)),
    );
    const { stdout } = await runProgram(
      process.execPath,
      [COUNTERSIGN, "resource-server", "create", "orders-api", "--json"],
      {
        env: environment({ COUNTERSIGN_DATABASE_URL: databaseUrl, COUNTERSIGN_MASTER_SECRET: masterSecret }),
      },
    );
    const api = JSON.parse(stdout) as { client_id: string; client_secret: string };
    const traffic = startTraffic([target], subjects, { connections: CLIENTS, paceMs: 10, exchangeEvery: 4 });
    const introspection = startIntrospection(proxy.url, basic(api.client_id, api.client_secret), subjects, CLIENTS);
    const goOn = async () => {
      const sinceMs = monotonicMs();
      const introspected = introspection.answers.length;
      await eventually("requests are answered", () => {
        const isAnswered = traffic.decidedInRow(target, sinceMs) >= ANSWERS_BETWEEN;
        return isAnswered && introspection.answers.length >= introspected + ANSWERS_BETWEEN;
      });
    };
    const ends: Promise<ServerExit>[] = [];

    await goOn();
    for (let count = 0; count < 3; count++) {
      // maxSurge 1, maxUnavailable 0: the new pod is ready first.
      pods.push(await startPod());
      await proxy.route(pods.map(({ port }) => port));
      const [stopped] = pods as [Pod];
      ends.push(stopped.server.stop());
      await eventually("the pod isn't ready", async () => (await fetch(`${stopped.adminUrl}/readyz`)).status === 503);
      // SIGTERM came first; the proxy hears of it after these.
      await goOn();
      pods.shift();
      await proxy.route(pods.map(({ port }) => port));
      await goOn();
    }
    const graceful: ServerExit = { status: 0, signal: null };
    assert.deepEqual(await Promise.all(ends), [graceful, graceful, graceful]);
    await goOn();
    await Promise.all([traffic.stop(), introspection.stop()]);

    const wrong = traffic.answers
      .filter(({ status }) => status !== 200)
      .map(({ kind, status }) => `${kind}: ${status}`);
    wrong.push(...introspection.answers.filter((answer) => answer !== "active"));
    assert.deepEqual(wrong, []);
    t.diagnostic(`${describeJudgement(judge(traffic.answers))}; ${introspection.answers.length} introspections`);
  });
}

/** An nginx that asks one node for each request, never another, and is told which nodes there are. */
async function startProxy(
  ports: readonly number[],
): Promise<{ readonly url: string; route(ports: readonly number[]): Promise<void> }> {
  const folder = join(temporaryFolder(), "nginx");
  mkdirSync(folder);
  const port = await reservePort();
  const file = join(folder, "nginx.conf");
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `${kind}_temp_path ${kind};`)
    .join(" ");
  let generation = 0;
  const write = (to: readonly number[]) => {
    writeFileSync(
      file,
      `pid nginx.pid; error_log stderr; worker_processes 1; user root; events {}
      http { access_log off; ${paths}
        upstream countersign { ${to.map((each) => `server 127.0.0.1:${each} max_fails=0;`).join(" ")} keepalive 16; }
        # When it reads its file anew, nginx closes idle connections of clients, which may be sending.
        server { listen 127.0.0.1:${port}; keepalive_timeout 0;
          location = /generation { return 200 "${++generation}"; }
          location / { proxy_pass http://countersign; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_next_upstream off; proxy_buffering off; } } }`,
    );
  };
  write(ports);
  // Ends with its workers when it is killed. Only with a master does a change of nodes leave requests under way alone.
  const words = ["--pid", "--fork", "--kill-child", "/usr/sbin/nginx", "-p", folder, "-c", file, "-g", "daemon off;"];
  const { child, stderr } = startBackgroundProgram("unshare", words, folder);
  const url = `http://127.0.0.1:${port}`;
  const settled = () =>
    eventually("nginx has read its file", async () => {
      assert.ok(child.exitCode === null, `nginx ended: ${stderr()}`);
      if (!(await canConnect(url))) return false;
      return (await (await fetch(`${url}/generation`)).text()) === String(generation);
    });
  await settled();
  return {
    url,
    async route(to) {
      write(to);
      process.kill(childrenOf(child.pid ?? 0)[0] ?? 0, "SIGHUP");
      await settled();
    },
  };
}
