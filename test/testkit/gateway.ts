/**
 * The gateways of examples/gateways/, each a real process that runs its published file, and the API behind them, which
 * records the requests that reach it.
 *
 * A file is changed in one way only: the ports 8000 (the gateway), 8080 (Countersign) and 9000 (the API) become free
 * ones. A test may also apply a change that the file's comments describe, such as {@link withUncommented}.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { reservePort } from "../../packages/server/src/testing/reserve-port.ts";
import { eventually } from "./eventually.ts";
import type { Requirement } from "./requirements.ts";
import { canConnect } from "../../packages/server/src/testing/raw-http.ts";
import { endWithThisProcess, environment } from "./run-program.ts";
import { temporaryFolder } from "./server.ts";

export const GATEWAYS_FOLDER = fileURLToPath(new URL("../../examples/gateways/", import.meta.url));

/** A gateway that Debian packages. */
export interface GatewayProgram extends Requirement {
  /** Its configuration in examples/gateways/. */
  readonly file: string;
  /** The command line that runs the configuration in the foreground, as one process, with a folder for its own files. */
  readonly command: (file: string, folder: string) => readonly [program: string, ...args: string[]];
  /**
   * Makes the configuration accept HTTP/2 without TLS too: the published one has plain HTTP/1.1 and, in a comment, TLS.
   */
  readonly withHttp2: (configuration: string) => string;
}

export const GATEWAYS: readonly GatewayProgram[] = [
  {
    name: "nginx",
    file: "nginx.conf",
    debianPackages: "nginx",
    probes: [["/usr/sbin/nginx", "-v"]],
    command: (file, folder) => [
      "/usr/sbin/nginx",
      "-p",
      folder,
      "-c",
      file,
      "-g",
      // Without a master process there are no workers that would outlive it.
      "daemon off; master_process off;",
    ],
    withHttp2: (text) => text.replace(/listen (.*);/, "listen $1 http2;"),
  },
  {
    name: "Caddy",
    file: "Caddyfile",
    debianPackages: "caddy",
    probes: [["/usr/bin/caddy", "version"]],
    command: (file) => ["/usr/bin/caddy", "run", "--adapter", "caddyfile", "--config", file],
    withHttp2: (text) => text.replace("admin off", "admin off\n\tservers {\n\t\tprotocols h1 h2c\n\t}"),
  },
  {
    name: "HAProxy",
    file: "haproxy.cfg",
    debianPackages: "haproxy",
    probes: [["/usr/sbin/haproxy", "-v"]],
    command: (file) => ["/usr/sbin/haproxy", "-db", "-C", dirname(file), "-f", file],
    // It recognizes the preface of HTTP/2.
    withHttp2: (text) => text,
  },
];

export interface RunningGateway {
  readonly url: string;
  /** The gateway's log up to now. */
  output(): string;
  /** Ends it by its process id. */
  stop(): Promise<void>;
}

/** Runs a gateway's published configuration and waits until it accepts connections. @throws if it ends instead */
export async function startGateway(
  program: GatewayProgram,
  options: {
    readonly countersignUrl: string;
    readonly apiUrl: string;
    readonly edit?: (configuration: string) => string;
  },
): Promise<RunningGateway> {
  const { countersignUrl, apiUrl, edit = (text: string) => text } = options;
  const folder = temporaryFolder();
  const port = await reservePort();
  cpSync(GATEWAYS_FOLDER, folder, { recursive: true });
  const file = join(folder, program.file);
  const published = readFileSync(file, "utf8");
  writeFileSync(
    file,
    edit(withPort(withPort(withPort(published, 8000, port), 8080, portOf(countersignUrl)), 9000, portOf(apiUrl))),
  );
  const ownFiles = join(folder, "run");
  mkdirSync(ownFiles);
  const [command, ...args] = program.command(file, ownFiles);
  const child = spawn(command, args, {
    cwd: ownFiles,
    env: environment({ HOME: ownFiles, XDG_CONFIG_HOME: ownFiles, XDG_DATA_HOME: ownFiles }),
    stdio: ["ignore", "pipe", "pipe"],
  });
  endWithThisProcess(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    (stream as Socket).unref();
  }
  // A forgotten gateway must not keep this process running; it is killed when the process ends.
  child.unref();
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  await eventually(`${program.name} accepts connections`, async () => {
    assert.ok(!hasEnded(), `${program.name} ended: ${output}`);
    return await canConnect(`http://127.0.0.1:${port}`);
  });
  return {
    url: `http://127.0.0.1:${port}`,
    output: () => output,
    async stop() {
      if (hasEnded()) return;
      child.ref();
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/** Does what a file's comments that end in `uncomment:` or the like say. @throws where there are none */
export function withUncommented(configuration: string): string {
  const parts = /((?:^|\n)[ \t]*# [^\n]*\buncomment\b[^\n]*:)((?:\n[ \t]*# [^\n]*)+)/gi;
  assert.match(configuration, parts);
  return configuration.replaceAll(parts, (_all, comment: string, lines: string) => {
    return comment + lines.replaceAll(/\n([ \t]*)# /g, "\n$1");
  });
}

/** Replaces a port wherever the text has it. @throws where it has it nowhere */
function withPort(text: string, published: number, port: number): string {
  const pattern = new RegExp(`:${published}\\b`, "g");
  assert.match(text, pattern, `the configuration has no port ${published}`);
  return text.replace(pattern, `:${port}`);
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

/** A request that reached the API. */
export interface ReachedRequest {
  readonly method: string;
  readonly target: string;
  /** Headers in the order and case in which they arrived. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Of the body; without a body, of the empty text. */
  readonly sha256: string;
  readonly bodyBytes: number;
  /** All values of a header. */
  values(name: string): readonly string[];
}

export interface RecordingApi {
  readonly url: string;
  /** The requests that reached it since the last call, completely or in part. */
  takeReached(): ReachedRequest[];
  stop(): Promise<void>;
}

export const API_ANSWER = "what only the API knows";

/** An API that accepts every request. */
export async function startRecordingApi(): Promise<RecordingApi> {
  let reached: ReachedRequest[] = [];
  const stub = await startStub((request, response) => {
    const hash = createHash("sha256");
    const seen = {
      method: request.method ?? "",
      target: request.url ?? "",
      headers: pairs(request.rawHeaders),
      sha256: "",
      bodyBytes: 0,
      values: (name: string) => request.headersDistinct[name.toLowerCase()] ?? [],
    };
    // Recorded at once, not at the body's end: that a request arrived at all may be the failure.
    reached.push(seen);
    request.on("data", (chunk: Buffer) => {
      seen.bodyBytes += chunk.length;
      hash.update(chunk);
    });
    request.on("end", () => {
      seen.sha256 = hash.digest("hex");
      response.writeHead(200, { "Content-Length": API_ANSWER.length }).end(API_ANSWER);
    });
  });
  return {
    ...stub,
    takeReached() {
      const taken = reached;
      reached = [];
      return taken;
    },
  };
}

/** A server with answers of its own. */
export async function startStub(listener: RequestListener): Promise<{
  readonly url: string;
  /** How many connections it has accepted. */
  connections(): number;
  stop(): Promise<void>;
}> {
  // Long enough that no gateway's idle connection is closed in the middle of a test.
  const server: Server = createServer({ keepAliveTimeout: 60_000 }, listener);
  let connections = 0;
  server.on("connection", () => connections++);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  server.unref();
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => connections,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function pairs(flat: readonly string[]): [string, string][] {
  return flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? ""] satisfies [string, string]] : []));
}
