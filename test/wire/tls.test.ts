/**
 * TLS in the server's own process, as the programs of others see it: openssl, Node programs with a private authority, gateways
 * with and without a certificate.
 */
import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { copyFileSync, readFileSync } from "node:fs";
import { request, type RequestOptions } from "node:https";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect, type PeerCertificate } from "node:tls";
import { createTestAuthority, OPENSSL } from "../../packages/server/src/testing/certificates.ts";
import { send } from "../../packages/server/src/testing/test-http.ts";
import { eventually } from "../testkit/eventually.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import { environment, runProgram } from "../testkit/run-program.ts";
import {
  assertFails,
  COUNTERSIGN,
  createApiUser,
  startServer,
  temporaryFolder,
  type TestApiUser,
  type TestServer,
  tokenCommand,
} from "../testkit/server.ts";
import { signAssertion } from "../testkit/sign-assertion.ts";

const CHECK = "/api/auth/v0/check/";
const missing = await findMissing(OPENSSL);

/** A program of a resource server that is also a client: it gets a token and has it verified. */
const PROGRAM = `
  import { readFileSync } from "node:fs";
  import { createTokenSource } from "@countersign/client";
  import { createVerifier } from "@countersign/verifier";
  const [baseUrl, username, keyFile, clientId, clientSecret] = process.argv.slice(1);
  const source = createTokenSource({ baseUrl, username, privateKey: readFileSync(keyFile, "utf8") });
  const verifier = createVerifier({ baseUrl, clientId, clientSecret });
  const token = await source.getToken();
  const verdict = await verifier.verify(token);
  console.log(JSON.stringify({ outcome: verdict.outcome, inSync: await verifier.ready(60_000) }));
  verifier.close();
`;

describe("a server that speaks TLS", { skip: IS_CI ? false : (missing ?? false) }, () => {
  const folder = temporaryFolder();
  const authority = createTestAuthority(folder);
  const gateways = createTestAuthority(folder, "Gateways");
  const own = authority.issue("auth.example", "RSA");
  const next = authority.issue("next.example");
  const gateway = gateways.issue("gateway");
  const stranger = authority.issue("stranger");
  const [certFile, keyFile] = [join(folder, "tls.crt"), join(folder, "tls.key")];
  let server: TestServer;
  let user: TestApiUser;
  let token: string;

  const flags = ["--workers", "2", "--refusal-limit", "0"];
  const env = {
    COUNTERSIGN_TLS_CERT_FILE: certFile,
    COUNTERSIGN_TLS_KEY_FILE: keyFile,
    COUNTERSIGN_TLS_CLIENT_CA_FILE: gateways.file,
    COUNTERSIGN_ADMIN_TLS_CERT_FILE: own.certFile,
    COUNTERSIGN_ADMIN_TLS_KEY_FILE: own.keyFile,
  };
  const trusting = { ...environment(), NODE_EXTRA_CA_CERTS: authority.file };

  before(async () => {
    copyFileSync(own.certFile, certFile);
    copyFileSync(own.keyFile, keyFile);
    server = await startServer({ flags, env });
    user = await createApiUser(server, { flags: ["--network", "192.0.2.0/24"] });
  });
  after(() => server?.stop());

  function ask(
    url: string,
    options: RequestOptions = {},
  ): Promise<{ status: number; body: string; cookie: string | undefined }> {
    return new Promise((resolve, reject) => {
      const outgoing = request(url, { ca: authority.cert, agent: false, ...options }, (answer) => {
        let body = "";
        answer.setEncoding("utf8").on("data", (text: string) => (body += text));
        answer.once("end", () => {
          resolve({ status: answer.statusCode ?? 0, body, cookie: answer.headers["set-cookie"]?.[0] });
        });
      });
      outgoing.once("error", reject).end();
    });
  }

  const codeOf = ({ body }: { readonly body: string }) =>
    (JSON.parse(body) as { meta: { errors: { code: string }[] } }).meta.errors[0]?.code;

  function openssl(...args: string[]) {
    const place = `127.0.0.1:${new URL(server.publicUrl).port}`;
    return runProgram("openssl", [
      "s_client",
      "-connect",
      place,
      "-CAfile",
      authority.file,
      "-verify_return_error",
      ...args,
    ]);
  }

  test("names both listeners by https in its ready line, and serves both", async () => {
    assert.match(server.publicUrl, /^https:\/\/127\.0\.0\.1:/);
    assert.match(server.adminUrl, /^https:\/\/127\.0\.0\.1:/);
    for (const url of [server.publicUrl, server.adminUrl]) {
      assert.equal((await ask(`${url}/readyz`)).status, 200);
      await assert.rejects(send(url.replace("https:", "http:"), "GET"));
    }
    assert.match(server.stderr(), /"setup_url":"https:\/\/localhost:[0-9]+\/link#/);
  });

  test("sends a chain that leads to the authority, by TLS 1.2 and 1.3 and nothing older", async () => {
    for (const version of ["-tls1_2", "-tls1_3"]) {
      const { status, stdout } = await openssl(version);
      assert.equal(status, 0, stdout);
      assert.match(stdout, /^ 0 s:CN = auth\.example[^]*^ 1 s:CN = Test Authority 2/m);
      assert.match(stdout, /Verify return code: 0 \(ok\)/);
    }
    const old = await openssl("-tls1_1", "-cipher", "ALL:@SECLEVEL=0");
    assert.equal(old.status, 1);
    assert.match(old.stderr, /alert protocol version/);
    // Neither forward secrecy nor authenticated encryption.
    for (const cipher of ["AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA"]) {
      assert.match((await openssl("-tls1_2", "-cipher", cipher)).stderr, /alert handshake failure/);
    }
  });

  test("serves Node programs that trust its authority, and tells the others what is missing", async () => {
    const open = await createApiUser(server, { account: "open" });
    const words = [COUNTERSIGN, ...tokenCommand(server, open)];
    const known = await eventually("the exchange knows the key", async () => {
      const result = await runProgram(process.execPath, words, { env: trusting });
      return result.status === 0 ? result : undefined;
    });
    token = known.stdout.trim();
    assertFails(await runProgram(process.execPath, words), 1, /UNABLE_TO_\w+.*NODE_EXTRA_CA_CERTS/);

    const { client_id, client_secret } = await server.json<Record<"client_id" | "client_secret", string>>(
      "resource-server",
      "create",
      "orders",
    );
    const args = ["--input-type=module", "-e", PROGRAM, server.publicUrl, open.username, open.privateKeyFile];
    const { stdout, stderr } = await eventually("the service knows the resource server", async () => {
      const result = await runProgram(process.execPath, [...args, client_id, client_secret], {
        env: trusting,
      });
      return result.status === 0 && !result.stdout.includes("undecided") ? result : undefined;
    });
    assert.deepEqual(JSON.parse(stdout), { outcome: "active", inSync: true }, stderr);
  });

  test("has tokens checked only for a gateway with a certificate, and says in the log what was wrong", async () => {
    const headers = { authorization: `Token ${token}` };
    const url = `${server.publicUrl}${CHECK}`;
    assert.equal((await ask(url, { headers, cert: gateway.cert, key: gateway.key })).status, 200);
    for (const method of ["GET", "POST", "LIST"]) {
      const refused = await ask(url, { headers, method });
      assert.deepEqual([refused.status, codeOf(refused)], [403, "certificate_required"], method);
    }
    const other = await ask(`${url}any/suffix`, { headers, cert: stranger.cert, key: stranger.key });
    assert.deepEqual([other.status, codeOf(other)], [403, "certificate_required"]);
    await eventually(
      "the log names both problems",
      () => /"problem":"none"/.test(server.stderr()) && /"problem":"UNABLE_TO_[A-Z_]+"/.test(server.stderr()),
    );
    assert.equal(
      (await ask(`${server.publicUrl}/api/auth/v0/refresh/`)).status,
      401,
      "the exchange needs no certificate",
    );
  });

  test("believes the client's address of a gateway with a certificate, and of nobody else", async () => {
    const exchange = async (options: RequestOptions) => {
      const assertion = signAssertion(user.username, createPrivateKey(readFileSync(user.privateKeyFile)));
      const headers = { authorization: `JWT ${assertion}`, "x-forwarded-for": "192.0.2.7" };
      return await ask(`${server.publicUrl}/api/auth/v0/refresh/`, { ...options, headers });
    };
    await eventually("the exchange knows the key", async () => {
      const { status } = await exchange({ cert: gateway.cert, key: gateway.key });
      return status === 200 ? true : undefined;
    });
    for (const options of [{}, { cert: stranger.cert, key: stranger.key }]) {
      const refused = await exchange(options);
      assert.deepEqual([refused.status, codeOf(refused)], [403, "source_not_allowed"]);
    }
  });

  test("uses a renewed certificate for new connections, without a restart and in every worker", async () => {
    const subject = () =>
      new Promise<string | undefined>((resolve, reject) => {
        const { port } = new URL(server.publicUrl);
        const socket = connect({ port: Number(port), host: "127.0.0.1", ca: authority.cert }, () => {
          const certificate: PeerCertificate = socket.getPeerCertificate();
          socket.destroy();
          resolve(String(certificate.subject.CN));
        });
        socket.once("error", reject);
      });
    assert.equal(await subject(), "auth.example");
    copyFileSync(next.certFile, certFile);
    await eventually("the half of a pair is reported", () => /can't be used; new connections/.test(server.stderr()));
    assert.equal(await subject(), "auth.example");
    copyFileSync(next.keyFile, keyFile);
    const readAgain = () => server.stderr().match(/the TLS certificate was read again/g)?.length ?? 0;
    await eventually("both workers have read it", () => readAgain() === 2);
    for (let at = 0; at < 10; at++) assert.equal(await subject(), "next.example");
    const { body } = await ask(`${server.adminUrl}/metrics`);
    assert.match(body, /^countersign_tls_certificate_expiry_timestamp_seconds\{listener="public"\} [0-9]{10}$/m);
    assert.match(body, /^countersign_tls_certificate_outdated\{listener="public"\} 0$/m);
    assert.match(body, /^countersign_tls_handshakes_failed_total\{listener="public"\} [1-9]/m);
  });

  test("doesn't start with files that don't fit, and says which in one line", async () => {
    const serve = (more: Readonly<Record<string, string>>, ...words: string[]) =>
      runProgram(
        process.execPath,
        [COUNTERSIGN, "serve", "--port", "0", "--admin-port", "0", "--log-level", "silent", ...words],
        {
          env: environment({ COUNTERSIGN_DATA_DIR: temporaryFolder(), ...more }),
        },
      );
    const other = { COUNTERSIGN_TLS_CERT_FILE: own.certFile, COUNTERSIGN_TLS_KEY_FILE: next.keyFile };
    assertFails(await serve(other), 1, /^countersign: COUNTERSIGN_TLS_KEY_FILE: the file holds another key/);
    assertFails(
      await serve({ COUNTERSIGN_TLS_CERT_FILE: own.certFile }),
      2,
      /^countersign: COUNTERSIGN_TLS_KEY_FILE: is missing/,
    );
    assertFails(
      await serve({}, "--tls-cert-file", "/no/such.pem", "--tls-key-file", own.keyFile),
      1,
      /^countersign: COUNTERSIGN_TLS_CERT_FILE: the file can't be read \(ENOENT\)/,
    );
  });
});
