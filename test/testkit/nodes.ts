/**
 * Nodes on one PostgreSQL, an operator who changes things, and load balancers in front.
 *
 *     const site = await openSite(await postgres.createDatabase());
 *     const node = await site.startNode({ workers: 2 });
 *     const user = await site.createUser("demo");
 *     await site.operator.setKeyStanding(user.keyId, "deactivated");
 *
 * Everything ends with this process.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { reservePort } from "../../packages/server/src/testing/reserve-port.ts";
import { type ApiClient, connectClient } from "./api-client.ts";
import { type RsaKeyPair, rsaKeyPair } from "./rsa-keys.ts";
import { eventually } from "./eventually.ts";
import type { Administration } from "./administration.ts";
import { type Companion, startCompanion } from "./companion.ts";
import { pauseProcesses } from "./processes.ts";
import { canConnect } from "../../packages/server/src/testing/raw-http.ts";
import type { Requirement } from "./requirements.ts";
import { startBackgroundProgram } from "./run-program.ts";
import { startServer, temporaryFolder, type TestServer } from "./server.ts";

/** The public URL of every node: the balancer's name. Assertions of OAuth clients name it. */
export const PUBLIC_URL = "http://countersign.test";

/** An API user with one active key. */
export interface SiteUser {
  readonly username: string;
  readonly keyId: number;
  readonly pair: RsaKeyPair;
}

export interface Node {
  readonly name: string;
  readonly port: number;
  readonly adminPort: number;
  readonly url: string;
  readonly adminUrl: string;
  readonly server: TestServer;
}

export interface NodeOptions {
  readonly name: string;
  readonly workers?: number;
  /** The log level; `info` by default. */
  readonly logLevel?: string;
  /** The ports of a node that ran before; free ones by default. */
  readonly ports?: Pick<Node, "port" | "adminPort">;
}

/** One store, and everything that shares it. */
export interface Site {
  /** An operator with the command line, in a process of its own. */
  readonly operator: Companion<Administration>;
  startNode(options: NodeOptions): Promise<Node>;
  createUser(name: string): Promise<SiteUser>;
}

/** Opens a new, empty store; the first user's account is made with it. @param masterSecret a new one by default */
export async function openSite(databaseUrl: string, masterSecret = randomBytes(32).toString("base64")): Promise<Site> {
  const env = {
    COUNTERSIGN_DATABASE_URL: databaseUrl,
    COUNTERSIGN_MASTER_SECRET: masterSecret,
    COUNTERSIGN_PUBLIC_URL: PUBLIC_URL,
  };
  const operator = startCompanion<Administration>("./administration.ts", {
    COUNTERSIGN_DATA_DIR: temporaryFolder(),
    ...env,
  });
  await operator.call("createAccount", "acme");
  return {
    operator,
    async startNode({ name, workers = 1, logLevel = "info", ports }) {
      const port = ports?.port ?? (await reservePort());
      const adminPort = ports?.adminPort ?? (await reservePort());
      const flags = ["--port", String(port), "--admin-port", String(adminPort)];
      // All traffic of a test comes from one address, and much of it is meant to be refused.
      flags.push("--refusal-limit", "0", "--workers", String(workers), "--log-level", logLevel);
      // Connections that a fault leaves idle are kept, however long a slow machine takes for it.
      flags.push("--keep-alive", "10m");
      const server = await startServer({ env, flags });
      return {
        name,
        port,
        adminPort,
        url: `http://127.0.0.1:${port}`,
        adminUrl: `http://127.0.0.1:${adminPort}`,
        server,
      };
    },
    createUser: async (name) => {
      const pair = rsaKeyPair(name);
      return { ...(await operator.call("createUser", "acme", name, pair.publicPem)), pair };
    },
  };
}

/** A client whose connection belongs to a known worker. */
export interface WorkerClient extends ApiClient {
  readonly node: Node;
  /** Identifies the worker: its node's name and its process id. */
  readonly worker: string;
}

/** Opens a connection to each worker of a node. */
export async function connectWorkers(node: Node, workers: number, user: SiteUser): Promise<readonly WorkerClient[]> {
  const found: WorkerClient[] = [];
  while (found.length < workers) {
    const resume = pauseWorkers(found);
    const client = await connectClient(node.url, user.username, user.pair.privateKey);
    const worker = await findWorker([node], await client.check("no token"));
    resume();
    assert.ok(!found.some((other) => other.worker === worker), "a stopped worker accepts nothing");
    found.push({ ...client, node, worker });
  }
  return found;
}

/**
 * Stops workers. The kernel decides which worker accepts a connection, and it may be the same one each time: while
 * others are stopped, it is one of the rest.
 *
 * @returns continues them
 */
export function pauseWorkers(workers: readonly Pick<WorkerClient, "worker">[]): () => void {
  return pauseProcesses(workers.map(({ worker }) => Number(worker.split(" ")[1])));
}

/** Which worker refused a request, by the request's id in the node's log. */
export function findWorker(
  nodes: readonly Node[],
  refusal: { header(name: string): string | undefined },
): Promise<string> {
  const requestId = refusal.header("x-request-id") ?? "";
  assert.match(requestId, /^[0-9a-f]{24}$/);
  return eventually("the log has the request", () => {
    for (const { name, server } of nodes) {
      const log = server.stderr();
      const at = log.indexOf(`"request_id":"${requestId}"`);
      if (at >= 0) {
        const line = log.slice(log.lastIndexOf("\n", at) + 1, log.indexOf("\n", at));
        return `${name} ${(JSON.parse(line) as { worker: number }).worker}`;
      }
    }
    return undefined;
  });
}

/** A load balancer that Debian packages, configured in front of these nodes. */
export interface Balancer extends Requirement {
  readonly configuration: (port: number, nodes: readonly Pick<Node, "port" | "adminPort">[]) => string;
  readonly command: (file: string, folder: string) => readonly [program: string, ...args: string[]];
}

export const BALANCERS: readonly Balancer[] = [
  {
    name: "nginx",
    debianPackages: "nginx",
    probes: [["/usr/sbin/nginx", "-v"]],
    configuration: (port, nodes) => {
      // The published configuration is what runs; only addresses change, and TLS is removed.
      const published = publishedNginx()
        .replace(/(?:\s*server [\d.]+:\d+([^;]*);)+/, (_all, parameters: string) =>
          nodes.map(({ port: to }) => `\nserver 127.0.0.1:${to}${parameters};`).join(""),
        )
        .replace("listen 443 ssl;", `listen 127.0.0.1:${port};`);
      const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${kind};`);
      return `pid nginx.pid; error_log stderr; events {} http { access_log off; ${paths.join(" ")}\n${published}}`;
    },
    // Without a master there are no workers that would outlive it.
    command: (file, folder) => ["/usr/sbin/nginx", "-p", folder, "-c", file, "-g", "daemon off; master_process off;"],
  },
  {
    name: "HAProxy",
    debianPackages: "haproxy",
    probes: [["/usr/sbin/haproxy", "-v"]],
    configuration: (port, nodes) => {
      const servers = nodes.map((node, at) => `server n${at} 127.0.0.1:${node.port} check port ${node.adminPort}`);
      return `
defaults
  mode http
  timeout connect 60s
  timeout check 60s
  timeout client 60s
  timeout server 60s
  retries 3
  option redispatch
  retry-on conn-failure empty-response 503
listen countersign
  bind 127.0.0.1:${port}
  balance roundrobin
  option httpchk
  http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host countersign.test
  default-server inter 200ms fall 1 rise 1
  ${servers.join("\n  ")}
`;
    },
    command: (file) => ["/usr/sbin/haproxy", "-db", "-f", file],
  },
];

/** The nginx configuration of docs/operations.md. */
function publishedNginx(): string {
  const text = readFileSync(fileURLToPath(new URL("../../docs/operations.md", import.meta.url)), "utf8");
  const [, block] = /```nginx\n(.*?)```/s.exec(text) ?? [];
  assert.ok(block, "docs/operations.md has no nginx configuration");
  return block;
}

/** Starts a balancer and waits until it leads to a node. @returns its URL */
export async function startBalancer(
  balancer: Balancer,
  nodes: readonly Pick<Node, "port" | "adminPort">[],
): Promise<string> {
  const folder = join(temporaryFolder(), "balancer");
  mkdirSync(folder);
  const port = await reservePort();
  const file = join(folder, "balancer.conf");
  writeFileSync(file, balancer.configuration(port, nodes));
  const [program, ...args] = balancer.command(file, folder);
  const { child, stderr } = startBackgroundProgram(program, args, folder);
  const url = `http://127.0.0.1:${port}`;
  await eventually(`${balancer.name} leads to a node`, async () => {
    assert.ok(child.exitCode === null, `${balancer.name} ended: ${stderr()}`);
    if (!(await canConnect(url))) return undefined;
    const { status } = await fetch(`${url}/livez`);
    return status === 503 || status === 502 ? undefined : status;
  });
  return url;
}

/** Two ports, for a node that starts later. */
export async function reservePorts(): Promise<Pick<Node, "port" | "adminPort">> {
  return { port: await reservePort(), adminPort: await reservePort() };
}
