import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { copyFileSync } from "node:fs";
import { connect as connectPlain, type Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { until } from "../../../../../test/testkit/eventually.ts";
import { findMissing, IS_CI } from "../../../../../test/testkit/requirements.ts";
import { createLog } from "../../platform/logger.ts";
import { createSystemRandom } from "../../platform/random.ts";
import { openTlsCertificates } from "../../platform/tls-certificates.ts";
import { createTestAuthority, OPENSSL } from "../../testing/certificates.ts";
import { makeTemporaryFolder } from "../../testing/test-registry.ts";
import type { ConnectionLimits } from "./connections.ts";
import { openHttpServer } from "./http-server.ts";
import { createRequestIds } from "./request-id.ts";
import { isVerifiedClient } from "./trusted-proxies.ts";

const nextRequestId = createRequestIds(createSystemRandom());
const missing = await findMissing(OPENSSL);

const requestTo = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

describe("a listener that speaks TLS", { skip: IS_CI ? false : (missing ?? false) }, () => {
  const folder = makeTemporaryFolder();
  const authority = createTestAuthority(folder.path);
  const gateways = createTestAuthority(folder.path, "Gateways");
  const own = authority.issue("auth.example");
  const gateway = gateways.issue("gateway");
  const stranger = authority.issue("stranger");
  let opened = 0;

  /** `/who` answers whether the client is verified, `/never` doesn't answer, `/large` exceeds every socket buffer. */
  async function open(t: TestContext, limits: Partial<ConnectionLimits> = {}, wallMs = () => Date.now()) {
    const clientCaFile = folder.file(`gateways-${opened++}.pem`);
    copyFileSync(gateways.file, clientCaFile);
    const certificates = openTlsCertificates(
      "public",
      {
        cert: { variable: "CERT", path: own.certFile },
        key: { variable: "KEY", path: own.keyFile },
        clientCa: { variable: "CA", path: clientCaFile },
      },
      { access: "owner", credentials: undefined },
      wallMs,
      createLog("silent", [], () => undefined),
      1,
    );
    const server = await openHttpServer(
      "127.0.0.1",
      0,
      nextRequestId,
      { reason: undefined },
      {
        tls: certificates,
        keepAliveMs: 60_000,
        limits: { max: 100, reserved: 0, perAddressMax: 100, clientOf: (address) => address, ...limits },
        onLimit: () => undefined,
        tickMs: 20,
      },
    );
    let waiting = 0;
    server.serve((request, response) => {
      if (request.url === "/never") {
        waiting++;
        return;
      }
      const text = isVerifiedClient(request.socket) ? "verified" : "unknown";
      const body = request.url === "/large" ? Buffer.alloc(50_000_000) : text;
      response.writeHead(200, ["Content-Length", String(body.length)]).end(body);
    }, "https://auth.example");
    const port = Number(new URL(server.url).port);
    const sockets: Socket[] = [];
    const keep = <Kept extends Socket>(socket: Kept): Kept => {
      sockets.push(socket);
      socket.on("error", () => undefined);
      return socket;
    };
    t.after(async () => {
      for (const socket of sockets) socket.destroy();
      await server.drain(0);
    });
    return {
      server,
      clientCaFile,
      waiting: () => waiting,
      plain: () => keep(connectPlain({ port, host: "127.0.0.1" })),
      secure: async (options: ConnectionOptions = {}) => {
        const socket = keep(connect({ port, host: "127.0.0.1", ca: authority.cert, ...options }));
        await once(socket, "secureConnect");
        return socket;
      },
      open: () => server.connections().open,
    };
  }

  async function ask(socket: TLSSocket, path: string): Promise<string> {
    socket.write(requestTo(path));
    let text = "";
    socket.setEncoding("latin1");
    for (;;) {
      const [chunk] = (await once(socket, "data")) as [string];
      text += chunk;
      if (/\r\n\r\n\S+$/.test(text)) return text;
    }
  }

  const ended = async (socket: Socket) => {
    if (!socket.destroyed) await once(socket.resume(), "close");
  };

  test("has a URL with https, and serves several requests on a connection", async (t) => {
    const { server, secure } = await open(t);
    assert.match(server.url, /^https:\/\/127\.0\.0\.1:[0-9]+$/);
    const socket = await secure({ ALPNProtocols: ["h2", "http/1.1"] });
    assert.equal(socket.alpnProtocol, "http/1.1");
    for (const _ of [1, 2]) assert.match(await ask(socket, "/who"), /^HTTP\/1\.1 200 OK[^]*unknown$/);
  });

  test("knows a client by its certificate only if an authority for clients vouches for it", async (t) => {
    const { secure } = await open(t);
    assert.match(await ask(await secure({ cert: gateway.cert, key: gateway.key }), "/who"), /verified$/);
    assert.match(await ask(await secure({ cert: stranger.cert, key: stranger.key }), "/who"), /unknown$/);
  });

  test("passes on which client sends a method that the parser doesn't know", async (t) => {
    const { secure } = await open(t);
    const socket = await secure({ cert: gateway.cert, key: gateway.key });
    socket.write("LIST /who HTTP/1.1\r\nHost: a\r\n\r\n");
    const [answer] = (await once(socket.setEncoding("latin1"), "data")) as [string];
    assert.match(answer, /^HTTP\/1\.1 200 [^]*verified$/);
  });

  test("counts connections before their handshake, and evicts silent ones for new ones", async (t) => {
    const limited = await open(t, { max: 3 });
    const silent = [limited.plain(), limited.plain(), limited.plain()];
    await until(() => limited.open() === 3);
    assert.match(await ask(await limited.secure(), "/who"), /unknown$/);
    assert.equal(limited.open(), 3);
    assert.equal(limited.server.connections().evicted, 1);
    await ended(silent[0] ?? assert.fail());
  });

  test("limits an address, but not a gateway that has shown its certificate", async (t) => {
    const limited = await open(t, { perAddressMax: 1 });
    const identified = { cert: gateway.cert, key: gateway.key };
    // One after the other: until its handshake is over, a connection counts towards its address.
    for (const _ of [1, 2, 3]) assert.match(await ask(await limited.secure(identified), "/who"), /verified$/);
    const first = await limited.secure();
    assert.match(await ask(first, "/who"), /unknown$/);
    await limited.secure();
    await ended(first);
    assert.equal(limited.open(), 4);
  });

  test("closes a connection that speaks plain HTTP, an old TLS or nothing it knows, and goes on", async (t) => {
    const { plain, secure, open: count, server } = await open(t);
    for (const bytes of [requestTo("/"), "\0".repeat(11), "SSH-2.0-x\r\n"]) {
      const socket = plain();
      socket.write(bytes);
      await ended(socket);
    }
    await assert.rejects(secure({ minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" }), {
      code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION",
    });
    await until(() => server.connections().unsecured === 4 && count() === 0);
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      const socket = await secure({ minVersion: version, maxVersion: version });
      assert.equal(socket.getProtocol(), version);
      assert.match(await ask(socket, "/who"), /unknown$/);
    }
  });

  test("resumes no session, so that a connection always shows its certificate", async (t) => {
    const { secure } = await open(t);
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      const versions = { minVersion: version, maxVersion: version };
      const first = await secure({ ...versions, cert: gateway.cert, key: gateway.key });
      const sessions: Buffer[] = [];
      first.on("session", (session) => sessions.push(session));
      assert.match(await ask(first, "/who"), /verified$/);
      const session = sessions.at(-1) ?? first.getSession();
      const second = await secure({ ...versions, session });
      assert.equal(second.isSessionReused(), false, version);
      assert.match(await ask(second, "/who"), /unknown$/);
    }
  });

  test("answers a client that has ended its side", async (t) => {
    const { secure } = await open(t);
    const socket = await secure();
    socket.end(requestTo("/who"));
    const [answer] = (await once(socket.setEncoding("latin1"), "data")) as [string];
    assert.match(answer, /unknown$/);
  });

  test("cuts off a client that reads nothing of its answer", async (t) => {
    const { secure, server } = await open(t);
    const socket = await secure();
    socket.pause();
    socket.write(requestTo("/large"));
    await until(() => server.connections().unread === 1);
  });

  test("closes a gateway's connections when the authorities change, after the requests it has sent", async (t) => {
    const { secure, clientCaFile, waiting, server } = await open(t);
    const identified = { cert: gateway.cert, key: gateway.key };
    const [idle, busy, other] = [await secure(identified), await secure(identified), await secure()];
    for (const socket of [idle, other]) await ask(socket, "/who");
    busy.write(requestTo("/never"));
    await until(() => waiting() === 1);
    copyFileSync(authority.file, clientCaFile);
    await once(idle.resume(), "end");
    assert.equal(busy.readableEnded || busy.destroyed, false);
    assert.match(await ask(other, "/who"), /unknown$/);
    assert.match(
      await ask(await secure(identified), "/who"),
      /unknown$/,
      "the authority isn't one for clients any more",
    );
    assert.equal(server.connections().certificate?.isOutdated, false);
  });

  test("closes a gateway's connection when its certificate expires, and no other's", async (t) => {
    const day = 86_400_000;
    const { validToDate } = new X509Certificate(gateway.cert);
    let nowMs = validToDate.getTime() - 27 * day;
    const { secure } = await open(t, {}, () => nowMs);
    const identified = { cert: gateway.cert, key: gateway.key };
    const [early, other] = [await secure(identified), await secure()];
    assert.match(await ask(early, "/who"), /verified$/);
    nowMs = validToDate.getTime();
    // OpenSSL's clock still accepts the certificate.
    const late = await secure(identified);
    await once(late.resume(), "end");
    for (const socket of [early, other]) assert.match(await ask(socket, "/who"), /^HTTP\/1\.1 200/);
  });

  test("ends at once, although clients have connected and sent nothing", async (t) => {
    const { plain, secure, server, open: count } = await open(t);
    plain();
    await secure();
    await until(() => count() === 2);
    // The test's time limit would be over before a drain that waits.
    await server.drain(3_600_000);
    assert.equal(count(), 0);
  });
});
