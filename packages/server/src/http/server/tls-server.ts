import { constants } from "node:crypto";
import type { Server, ServerOptions } from "node:http";
import { createServer, type ServerOptions as SecureServerOptions } from "node:https";
import type { Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import type { SecureContextOptions, Server as SecureServer, TLSSocket } from "node:tls";
import type { TlsCertificates } from "../../platform/tls-certificates.ts";
import type { TlsFiles } from "../../platform/tls-files.ts";
import { connectionOf } from "./connection.ts";
import type { Connections } from "./connections.ts";
import { isVerifiedClient } from "./trusted-proxies.ts";

/** How long a TLS handshake may take, in milliseconds: as long as a request's head. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** The longest time that a timer can wait, in milliseconds (some 24 days). */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** TLS 1.3, and those of TLS 1.2 with forward secrecy and authenticated encryption (RFC 9325 §4.2). */
const CIPHERS = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/**
 * Makes a server that speaks TLS, and HTTP/1.1 within. A new certificate is used for new connections as soon as it is read. When the
 * authorities of client certificates change, connections of gateways that the earlier ones vouch for are closed after the requests
 * they have received. A gateway's connection is also closed when its certificate expires, because OpenSSL checks that only in the
 * handshake.
 *
 * A client certificate is asked for if there are authorities, and the handshake succeeds without one: API clients have none.
 *
 * @param connections admits connections before their handshake, so that handshakes count towards all limits
 */
export function createTlsServer(
  options: ServerOptions,
  certificates: TlsCertificates,
  connections: Pick<Connections, "secure" | "countUnsecured" | "close">,
): Server {
  // The type of the options lacks `allowHalfOpen`, which is net.Server's. As in node:http, a client may end its side first.
  const secureOptions: SecureServerOptions & { readonly allowHalfOpen: boolean } = {
    ...options,
    ...secureContext(certificates.current()),
    ALPNProtocols: ["http/1.1"],
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    requestCert: certificates.current().clientCa !== undefined,
    rejectUnauthorized: false,
    allowHalfOpen: true,
  };
  const server: Server & Pick<SecureServer, "setSecureContext"> = createServer(secureOptions);
  certificates.onChange((files, before) => {
    server.setSecureContext(secureContext(files));
    if (files.clientCaHash !== before.clientCaHash) connections.close(isVerifiedClient);
  });
  server.on("secureConnection", (secure: TLSSocket & { readonly _parent?: Socket | null }) => {
    // Node's documentation doesn't name `_parent`, the socket below. Without it, the connection couldn't be limited.
    if (!secure._parent) {
      secure.destroy();
      return;
    }
    const isGateway = isVerifiedClient(secure);
    connections.secure(secure._parent, secure, isGateway);
    if (isGateway) closeAtExpiry(secure, certificates.wallMs());
  });
  server.on("tlsClientError", () => {
    connections.countUnsecured();
  });
  return server;
}

/** Closes a gateway's connection when its certificate expires, or after 24 days, after the requests that it has received by then. */
function closeAtExpiry(secure: TLSSocket, nowMs: number): void {
  const expiresAtMs = secure.getPeerX509Certificate()?.validToDate.getTime() ?? nowMs;
  const closed = new AbortController();
  secure.once("close", () => {
    closed.abort();
  });
  setTimeout(Math.min(Math.max(expiresAtMs - nowMs, 0), TIMER_MS_MAX), undefined, {
    ref: false,
    signal: closed.signal,
  }).then(
    () => connectionOf(secure)?.closeAfterAnswers(),
    () => undefined,
  );
}

function secureContext({ cert, key, clientCa }: TlsFiles): SecureContextOptions {
  return {
    cert,
    key,
    ca: clientCa,
    minVersion: "TLSv1.2",
    ciphers: CIPHERS,
    honorCipherOrder: true,
    // No sessions are resumed: a resumed one would carry over what a client certificate showed when the session began, and the keys
    // of tickets would have to be rotated for forward secrecy. Connections are kept open instead.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_TICKET,
  };
}
