/** The token check on plain `node:http` or as a Fastify route, over one key in memory. Prints its address and a token. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fastify, LogController } from "fastify";
import { pino } from "pino";
import { parseCredential } from "../packages/server/src/core/authorization.ts";
import { createCheckToken, type TokenVerdict } from "../packages/server/src/core/check.ts";
import type { ViewKey } from "../packages/server/src/core/view/view-user.ts";
import { mintToken } from "../packages/server/src/core/token/mint-token.ts";
import { deriveSigningKeys, masterSecretFingerprint } from "../packages/server/src/core/signing-keys/signing-keys.ts";
import { createCheckEndpoint } from "../packages/server/src/http/public/check-endpoint.ts";
import { createClientAddress } from "../packages/server/src/http/server/client-address.ts";
import { createTrustedProxies } from "../packages/server/src/http/server/trusted-proxies.ts";
import { createClientSource } from "../packages/server/src/http/server/client-source.ts";
import { createMetrics } from "../packages/server/src/http/server/metrics.ts";
import { createRefusalLimit } from "../packages/server/src/http/server/refusal-limit.ts";
import { createRequestIds } from "../packages/server/src/http/server/request-id.ts";
import { createSystemClock } from "../packages/server/src/platform/clock.ts";
import { createSystemRandom } from "../packages/server/src/platform/random.ts";

const [mode] = process.argv.slice(2);
const clock = createSystemClock();
const random = createSystemRandom();
const secret = random.bytes(32);
const storeId = random.bytes(16).toString("hex");
const record = {
  number: 1,
  masterFingerprint: masterSecretFingerprint(secret, storeId),
  createdAtMs: 0,
  activatedAtMs: 0,
  retiredAtMs: null,
};
const signingKeys = deriveSigningKeys([record], [secret], storeId);
const user = { id: 1, username: "api-1-bench", accountId: 1, account: "bench", access: "full", status: "active" };
const key = {
  id: 1,
  user: { ...user, accountStatus: "active" },
  status: "active",
  expiresAtMs: null,
} as unknown as ViewKey;
const checkToken = createCheckToken({ view: { findKey: () => key, isTokenRevoked: () => false }, signingKeys, clock });
const expiresAtSeconds = Math.floor(Date.now() / 1000) + 3600;
const token = mintToken(signingKeys, { nonce: random.uint32(), userId: 1, expiresAtSeconds, keyId: 1 });
const log = pino({ level: "silent" });

if (mode === "fastify") {
  const app = fastify({ loggerInstance: log, logController: new LogController({ disableRequestLogging: true }) });
  app.all("/api/auth/v0/check/*", async (request, reply) => {
    const verdict: TokenVerdict = await checkToken(parseCredential(request.headers.authorization, ["Token", "Bearer"]));
    if (!verdict.active) return reply.code(401).send();
    return reply
      .headers({
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "X-Request-Id": request.id,
        "X-Auth-Username": verdict.username,
        "X-Auth-User-Id": String(verdict.userId),
        "X-Auth-Account": verdict.account,
        "X-Auth-Access": verdict.access,
        "X-Auth-Key-Id": String(verdict.keyId),
        "X-Auth-Expires-At": String(verdict.expiresAtSeconds),
      })
      .send();
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  announce(app.server.address() as AddressInfo);
} else {
  const view = { figures: () => ({ hits: 0, misses: 0, users: 1, revokedTokens: 0 }), feed: { isFresh: () => true } };
  const endpoint = createCheckEndpoint(checkToken, createRefusalLimit(0, clock), () => true, {
    publicUrl: "",
    nextRequestId: createRequestIds(random),
    clientAddress: createClientAddress(createTrustedProxies([])),
    clientSource: createClientSource(createTrustedProxies([]), createClientAddress(createTrustedProxies([])), false),
    log,
    metrics: createMetrics(view),
  });
  const server = createServer(endpoint);
  server.listen(0, "127.0.0.1", () => {
    announce(server.address() as AddressInfo);
  });
}
process.once("SIGTERM", () => process.exit());

function announce({ port }: AddressInfo): void {
  process.stdout.write(`http://127.0.0.1:${port}/api/auth/v0/check/ ${token}\n`);
}
