/**
 * Gateways that reach Countersign by a Unix socket, or by TLS with a certificate of their own: the published configurations with
 * the lines that examples/gateways/README.md shows.
 */
import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { request, type RequestOptions } from "node:http";
import { type RequestOptions as SecureRequestOptions, request as requestByTls } from "node:https";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { createTestAuthority, OPENSSL } from "../../packages/server/src/testing/certificates.ts";
import { send } from "../../packages/server/src/testing/test-http.ts";
import { eventually } from "../testkit/eventually.ts";
import {
  GATEWAYS,
  GATEWAYS_FOLDER,
  type GatewayProgram,
  type RecordingApi,
  type RunningGateway,
  startGateway,
  startRecordingApi,
} from "../testkit/gateway.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import { createApiUser, startServer, temporaryFolder, type TestServer } from "../testkit/server.ts";
import { signAssertion } from "../testkit/sign-assertion.ts";

const README = readFileSync(join(GATEWAYS_FOLDER, "README.md"), "utf8");

/** Stands in a configuration where Countersign would be reached by plain HTTP. */
const NO_PORT = 1;

/** Applies the lines that the README shows for a gateway and a way to reach Countersign. */
function asPublished(configuration: string, name: string): string {
  const block = new RegExp(`^\`\`\`${name}\\n([^]*?)^\`\`\``, "m").exec(README)?.[1] ?? assert.fail(`no block ${name}`);
  return block
    .split(/^# instead of /m)
    .filter((part) => part !== "")
    .reduce((text, part) => {
      const [line = "", ...lines] = part.split("\n");
      // The port was replaced before.
      const replaced = line.replace(":8080", `:${NO_PORT}`);
      assert.ok(text.includes(replaced), line);
      return text.replaceAll(replaced, lines.join("\n"));
    }, configuration);
}

for (const program of GATEWAYS.filter(({ name }) => name === "nginx" || name === "Caddy")) {
  const reason = (await findMissing(program)) ?? (await findMissing(OPENSSL));
  for (const way of ["unix", "tls"] as const) {
    if (reason !== undefined && IS_CI) test(`${program.name} by ${way}`, () => assert.fail(reason));
    else describe(`${program.name} by ${way}`, { skip: reason ?? false }, () => describeWay(program, way));
  }
}

function describeWay(program: GatewayProgram, way: "unix" | "tls"): void {
  const folder = temporaryFolder();
  const socketPath = join(folder, "public.sock");
  let server: TestServer;
  let api: RecordingApi;
  let gateway: RunningGateway;
  let direct: RequestOptions;
  let files: { readonly certFile: string; readonly keyFile: string; readonly caFile: string };

  const edit = (configuration: string) =>
    asPublished(configuration, `${program.name.toLowerCase()}-${way}`)
      .replaceAll("/run/countersign/public.sock", socketPath)
      .replaceAll("auth.example:8443", `127.0.0.1:${new URL(server.publicUrl).port}`)
      .replaceAll("/etc/gateway/gateway.crt", files?.certFile)
      .replaceAll("/etc/gateway/gateway.key", files?.keyFile)
      .replaceAll("/etc/gateway/countersign-ca.crt", files?.caFile);

  const start = (change: (configuration: string) => string) =>
    startGateway(program, { countersignUrl: `http://127.0.0.1:${NO_PORT}`, apiUrl: api.url, edit: change });

  before(async () => {
    api = await startRecordingApi();
    if (way === "unix") {
      server = await startServer({ flags: ["--host", `unix:${socketPath}`, "--trusted-proxies", "unix:"] });
      direct = { socketPath };
    } else {
      const authority = createTestAuthority(folder);
      const own = authority.issue("auth.example");
      const gateways = createTestAuthority(folder, "Gateways");
      const identity = gateways.issue("gateway");
      files = { certFile: identity.certFile, keyFile: identity.keyFile, caFile: authority.file };
      const tls = {
        "--tls-cert-file": own.certFile,
        "--tls-key-file": own.keyFile,
        "--tls-client-ca-file": gateways.file,
      };
      server = await startServer({ flags: Object.entries(tls).flat() });
      const { port } = new URL(server.publicUrl);
      const secured: SecureRequestOptions = { ca: authority.cert, cert: identity.cert, key: identity.key };
      direct = { ...secured, host: "127.0.0.1", port };
    }
    gateway = await start(edit);
  });
  afterEach(() => api.takeReached());
  after(() => Promise.all([gateway?.stop(), server?.stop(), api?.stop()]));

  /** A token of a user, exchanged as a gateway's client at 192.0.2.7. */
  async function tokenOf(user: { readonly username: string; readonly privateKeyFile: string }): Promise<string> {
    const key = createPrivateKey(readFileSync(user.privateKeyFile));
    return await eventually("the exchange knows the key", async () => {
      const headers = {
        host: "auth.example",
        authorization: `JWT ${signAssertion(user.username, key)}`,
        "x-forwarded-for": "192.0.2.7",
      };
      const body = await new Promise<string>((resolve, reject) => {
        const ask = way === "unix" ? request : requestByTls;
        const outgoing = ask({ ...direct, path: "/api/auth/v0/refresh/", agent: false, headers }, (answer) => {
          let text = "";
          answer.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
          answer.once("end", () => {
            resolve(text);
          });
        });
        outgoing.once("error", reject).end();
      });
      return (JSON.parse(body) as { data: { token?: string } }).data.token;
    });
  }

  const ask = (token?: string) =>
    send(`${gateway.url}/orders`, "GET", token === undefined ? {} : { headers: { authorization: `Token ${token}` } });

  test("lets a request through with a token, and names its caller to the API", async () => {
    const user = await createApiUser(server, { account: "open" });
    const token = await tokenOf(user);
    assert.equal((await ask(token)).status, 200);
    assert.deepEqual(api.takeReached()[0]?.values("X-Auth-Username"), [user.username]);
    assert.equal((await ask()).status, 401);
    assert.equal(api.takeReached().length, 0);
  });

  test("is believed about its client's address", async () => {
    const limited = await createApiUser(server, { account: "limited", flags: ["--network", "192.0.2.0/24"] });
    const token = await tokenOf(limited);
    // The gateway says that its client is at 127.0.0.1.
    assert.equal((await ask(token)).status, 403);
    assert.equal(api.takeReached().length, 0);
  });

  if (way === "tls") {
    test("gets no answer about tokens without its certificate", async () => {
      const user = await createApiUser(server, { account: "other" });
      const token = await tokenOf(user);
      const withoutCertificate = await start((text) =>
        edit(text).replaceAll(/^ *(proxy_ssl_certificate|proxy_ssl_certificate_key|tls_client_auth) .*\n/gm, ""),
      );
      try {
        const headers = { authorization: `Token ${token}` };
        assert.equal((await send(`${withoutCertificate.url}/orders`, "GET", { headers })).status, 403);
        assert.equal(api.takeReached().length, 0);
      } finally {
        await withoutCertificate.stop();
      }
    });
  }
}
