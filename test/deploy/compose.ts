/**
 * compose.yaml with its make-secrets and its nginx.conf. No Docker runs where the tests do: docker-compose reads the file, the
 * containers run as container.ts has it, on this machine's network, and a real nginx and a real PostgreSQL stand for
 * theirs. The network 172.31.250.0/24 becomes 127.31.250.0/24, which belongs to this machine.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, chownSync, cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import type { Socket } from "node:net";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { canConnect } from "../../packages/server/src/testing/raw-http.ts";
import { reservePort } from "../../packages/server/src/testing/reserve-port.ts";
import { type Container, startContainer } from "../testkit/container.ts";
import { type Image, REPOSITORY } from "../testkit/container-image.ts";
import { eventually } from "../testkit/eventually.ts";
import { startPostgres, type TestPostgres } from "../testkit/postgres.ts";
import type { Requirement } from "../testkit/requirements.ts";
import { endWithThisProcess, environment, type ProgramResult, runProgram } from "../testkit/run-program.ts";
import { parseJsonLine, temporaryFolder } from "../testkit/server.ts";

export const COMPOSE_TOOLS: Requirement = {
  name: "docker-compose, nginx, openssl or Python's yaml",
  debianPackages: "docker-compose nginx openssl python3-yaml",
  probes: [
    ["/usr/bin/docker-compose", "version"],
    ["/usr/sbin/nginx", "-v"],
    ["/usr/bin/openssl", "version"],
    ["/usr/bin/python3", "-c", "import yaml"],
  ],
};

/** A user that the image doesn't know: the one who ran make-secrets. */
const USER = 12_345;

interface Service {
  readonly user: string;
  readonly read_only: boolean;
  readonly cap_drop: readonly string[];
  readonly security_opt: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly networks: Readonly<Record<string, { readonly ipv4_address?: string } | null>>;
  readonly ports?: readonly string[];
  readonly secrets: readonly { readonly source: string }[];
}

interface Composition {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
}

export function testComposition(image: () => Image): void {
  const folder = join(temporaryFolder(), "container");
  const secretsFolder = join(folder, "secrets");
  let composition: Composition;

  before(async () => {
    mkdirSync(folder);
    for (const name of ["compose.yaml", "make-secrets", "nginx.conf"])
      cpSync(join(REPOSITORY, "deploy", "container", name), join(folder, name));
    chownSync(folder, USER, USER);
    // A temporary folder is closed to other users.
    chmodSync(dirname(folder), 0o711);
    assert.equal((await makeSecrets("https://auth.example:8443")).status, 0);
    composition = await readComposition();
  });

  describe("make-secrets", () => {
    test("makes files that only their owner can read, who is the user of the containers", () => {
      const names = readdirSync(secretsFolder).toSorted((one, other) => one.localeCompare(other));
      assert.deepEqual(names, ["database_password", "database_url", "master_secret", "tls_certificate", "tls_key"]);
      for (const path of [".env", ...names.map((name) => join("secrets", name))]) {
        const { mode, uid } = statSync(join(folder, path));
        assert.deepEqual([path, (mode & 0o777).toString(8), uid], [path, "600", USER]);
      }
      assert.equal(
        readFileSync(join(folder, ".env"), "utf8"),
        `PUBLIC_URL=https://auth.example:8443\nRUN_AS=${USER}:${USER}\n`,
      );
      const password = readFileSync(join(secretsFolder, "database_password"), "utf8");
      assert.match(password, /^[0-9a-f]{64}$/);
      assert.ok(readFileSync(join(secretsFolder, "database_url"), "utf8").includes(`:${password}@postgres/`));
    });

    test("replaces nothing and prints no secret", async () => {
      const read = () => readdirSync(secretsFolder).map((name) => readFileSync(join(secretsFolder, name), "utf8"));
      const first = read();
      const { status, stdout, stderr } = await makeSecrets("https://other.example");
      assert.equal(status, 0, stderr);
      assert.deepEqual(read(), first);
      for (const secret of first) assert.ok(!`${stdout}${stderr}`.includes(secret.trim()));
    });

    test("refuses a URL that isn't https, whose host a certificate can't name, or that is more than a value in .env", async () => {
      const noHost = ["http://auth.example", "https://", "https://a b", "https://a,DNS:b", "https://[::1]"];
      const noValue = ["https://a/\nRUN_AS=0:0", "https://a/$HOME", "https://user:secret@a", "https://a/ # b"];
      for (const url of [...noHost, ...noValue]) {
        const { status, stderr } = await makeSecrets(url);
        assert.deepEqual([url, status, stderr.startsWith("make-secrets: ")], [url, 2, true]);
      }
    });
  });

  describe("compose.yaml", () => {
    test("closes every service: a user by number, a read-only root, no capabilities, no new privileges", () => {
      const services = Object.entries(composition.services);
      assert.equal(services.length, 5);
      for (const [name, { user, read_only, cap_drop, security_opt }] of services) {
        assert.deepEqual(
          [name, user, read_only, cap_drop, security_opt],
          [name, `${USER}:${USER}`, true, ["ALL"], ["no-new-privileges:true"]],
        );
      }
    });

    test("publishes nginx and, to this machine alone, the console", () => {
      const published = Object.entries(composition.services).flatMap(([name, { ports = [] }]) =>
        ports.map((port) => [name, port]),
      );
      assert.deepEqual(published, [
        ["nginx", "127.0.0.1:8443:8443/tcp"],
        ["operators", "127.0.0.1:8081:8081/tcp"],
      ]);
    });

    test("leads from nginx to the public listeners alone, and to the database only from the service", () => {
      const { services, networks } = composition;
      const members = (network: string) =>
        Object.keys(services).filter((name) => Object.hasOwn(services[name]?.networks ?? {}, network));
      assert.deepEqual(members("nodes"), ["nginx", "node-1", "node-2"]);
      assert.deepEqual(members("database"), ["node-1", "node-2", "operators", "postgres"]);
      assert.deepEqual(members("outside"), ["nginx"]);
      assert.deepEqual(members("operators"), ["operators"]);
      assert.ok(networks["nodes"]?.internal === true && networks["database"]?.internal === true);
      for (const name of ["node-1", "node-2"]) {
        const settings = services[name]?.environment ?? {};
        assert.equal(settings["COUNTERSIGN_LISTEN_ONLY"], "public");
        assert.equal(settings["COUNTERSIGN_TRUSTED_PROXIES"], services["nginx"]?.networks["nodes"]?.ipv4_address);
      }
      assert.equal(services["operators"]?.environment?.["COUNTERSIGN_LISTEN_ONLY"], "internal");
    });

    test("gives each service the secrets that it needs, as files, and none as a variable", () => {
      const given = Object.entries(composition.services).map(([name, { secrets }]) => [
        name,
        secrets.map(({ source }) => source),
      ]);
      assert.deepEqual(Object.fromEntries(given), {
        nginx: ["tls_certificate", "tls_key"],
        "node-1": ["database_url", "master_secret"],
        "node-2": ["database_url", "master_secret"],
        operators: ["database_url", "master_secret"],
        postgres: ["database_password"],
      });
      const password = readFileSync(join(secretsFolder, "database_password"), "utf8");
      assert.ok(!JSON.stringify(composition).includes(password));
    });
  });

  describe("its parts, run", () => {
    let postgres: TestPostgres;
    let url: string;
    let ca: string;
    let adminPort: number;
    const containers = new Map<string, Container>();

    before(async () => {
      postgres = await startPostgres();
      writeSecret("database_url", `${await postgres.createDatabase()}?sslmode=disable\n`);
      ca = readFileSync(join(secretsFolder, "tls_certificate"), "utf8");
      adminPort = await reservePort();
      await start("operators", { COUNTERSIGN_ADMIN_HOST: "127.0.0.1", COUNTERSIGN_ADMIN_PORT: String(adminPort) });
      await Promise.all(["node-1", "node-2"].map((name) => startNode(name)));
      url = await startNginx();
    });
    after(async () => {
      await Promise.all([...containers.values()].map((container) => container.stop()));
      await postgres?.stop();
    });

    test("all are healthy by the image's HEALTHCHECK, and nodes have no internal listener", async () => {
      for (const [name, container] of containers) {
        const { status, stderr } = await container.checkHealth();
        assert.equal(status, 0, `${name}: ${stderr}`);
      }
      assert.equal(await canConnect(`http://127.0.0.1:${adminPort}`), true);
      for (const node of ["127.31.250.11", "127.31.250.12"])
        assert.equal(await canConnect(`http://${node}:8081`), false);
      assert.equal((await ask("/readyz")).status, 200);
      assert.equal((await ask("/api/admin/v1/accounts")).status, 404);
      assert.equal((await ask("/metrics")).status, 404);
    });

    test("a token that one node mints behind nginx is checked by the other, and no restart fails a request", async (t) => {
      const operators = containers.get("operators") ?? assert.fail("operators don't run");
      const countersign = async <Value>(...words: string[]) =>
        parseJsonLine(await operators.exec("countersign", ...words, "--json")) as Value;
      await countersign("account", "create", "acme");
      const { username } = await countersign<{ username: string }>("user", "create", "demo", "--account", "acme");
      const key = "/var/lib/countersign/private.pem";
      await countersign("key", "generate", username, "--out", key);
      const node1 = ["--url", "http://127.31.250.11:8080"];
      const { token } = await countersign<{ token: string }>("token", "--username", username, "--key", key, ...node1);
      const check = () => ask("/api/auth/v0/check/", { authorization: `Token ${token}` });
      assert.equal((await check()).user, username);

      const traffic = startTraffic(check);
      for (const name of ["node-1", "node-2"]) {
        const container = containers.get(name) ?? assert.fail(`${name} doesn't run`);
        await traffic.goesOn();
        assert.deepEqual(await container.stop(), { status: 0, signal: null });
        await traffic.goesOn();
        await startNode(name);
      }
      await traffic.goesOn();
      const statuses = await traffic.stop();
      assert.deepEqual(
        statuses.filter((status) => status !== 200),
        [],
      );
      t.diagnostic(`${statuses.length} checks while both nodes were restarted`);
    });

    async function startNode(name: string): Promise<void> {
      const address =
        composition.services[name]?.networks["nodes"]?.ipv4_address ?? assert.fail(`${name} has no address`);
      await start(name, { COUNTERSIGN_HOST: local(address) });
    }

    async function start(name: string, where: Readonly<Record<string, string>>): Promise<void> {
      const service = composition.services[name] ?? assert.fail(`there is no ${name}`);
      const settings = Object.entries(service.environment ?? {}).map(([variable, value]) => [variable, local(value)]);
      const secrets = service.secrets.map(({ source }) => [source, join(secretsFolder, source)]);
      const container = await startContainer(image(), {
        user: service.user,
        hasHostNetwork: true,
        env: { ...Object.fromEntries(settings), ...where },
        secrets: Object.fromEntries(secrets),
      });
      containers.set(name, container);
      await eventually(`${name} is ready`, () => container.stdout().includes(`"event":"ready"`)).catch(
        (error: unknown) => {
          throw new Error(`${String(error)} ${container.stderr()}`);
        },
      );
    }

    async function startNginx(): Promise<string> {
      const port = await reservePort();
      const own = join(temporaryFolder(), "nginx");
      mkdirSync(own);
      const published = readFileSync(join(folder, "nginx.conf"), "utf8");
      const configuration = local(published)
        .replace("listen 8443 ssl;", `listen 127.0.0.1:${port} ssl;`)
        .replaceAll("/tmp/", `${own}/`)
        .replaceAll("/run/secrets/", `${secretsFolder}/`);
      const file = join(own, "nginx.conf");
      writeFileSync(file, configuration);
      const words = ["-c", file, "-g", "daemon off; master_process off;"];
      const child = spawn("/usr/sbin/nginx", words, { env: environment(), stdio: ["ignore", "ignore", "pipe"] });
      let output = "";
      child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
      (child.stderr as Socket).unref();
      endWithThisProcess(child);
      child.unref();
      const base = `https://127.0.0.1:${port}`;
      await eventually("nginx accepts connections", async () => {
        assert.equal(child.exitCode, null, output);
        return await canConnect(`http://127.0.0.1:${port}`);
      });
      return base;
    }

    /** Sends a request through nginx, as a client that trusts the made certificate and knows the public name. */
    function ask(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
      return new Promise((resolve, reject) => {
        const sent = request(`${url}${path}`, { ca, servername: "auth.example", headers, agent: false }, (answer) => {
          answer.resume().once("end", () => {
            resolve({ status: answer.statusCode ?? 0, user: answer.headers["x-auth-username"] });
          });
        });
        sent.once("error", reject).end();
      });
    }
  });

  function makeSecrets(publicUrl: string): Promise<ProgramResult> {
    const asUser = [`--reuid=${USER}`, `--regid=${USER}`, "--clear-groups"];
    return runProgram("/usr/bin/setpriv", [...asUser, join(folder, "make-secrets"), publicUrl]);
  }

  /** What docker-compose makes of the file. It is older than the member `name`. */
  async function readComposition(): Promise<Composition> {
    const file = join(folder, "compose.yaml");
    const text = readFileSync(file, "utf8");
    assert.match(text, /^name: countersign$/m);
    writeFileSync(file, text.replace(/^name: .*$/m, ""));
    const { status, stdout, stderr } = await runProgram("/usr/bin/docker-compose", [
      "--project-directory",
      folder,
      "-f",
      file,
      "config",
    ]);
    assert.equal(status, 0, stderr);
    assert.equal(stderr, "");
    const program = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)";
    const json = await runProgram("/usr/bin/python3", ["-c", program], { input: stdout });
    return JSON.parse(json.stdout) as Composition;
  }

  function writeSecret(name: string, text: string): void {
    writeFileSync(join(secretsFolder, name), text);
  }
}

interface Answer {
  readonly status: number;
  readonly user: string | string[] | undefined;
}

function local(text: string): string {
  return text.replaceAll("172.31.250.", "127.31.250.");
}

/** Four clients that send a request after the other. */
function startTraffic(send: () => Promise<{ readonly status: number }>): {
  /** Waits until further requests are answered. */
  goesOn(): Promise<unknown>;
  /** @returns every status; 0 stands for a request without an answer */
  stop(): Promise<readonly number[]>;
} {
  const statuses: number[] = [];
  const stopping = new AbortController();
  const clients = Array.from({ length: 4 }, async () => {
    while (!stopping.signal.aborted) {
      statuses.push(
        await send().then(
          ({ status }) => status,
          () => 0,
        ),
      );
    }
  });
  return {
    goesOn() {
      const before = statuses.length;
      return eventually("requests are answered", () => statuses.length > before + 100);
    },
    async stop() {
      stopping.abort();
      await Promise.all(clients);
      return statuses;
    },
  };
}
