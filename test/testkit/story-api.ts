/**
 * A companion process with APIs, as their authors would write them with Express: behind the verifier's middleware, or
 * behind a gateway that names the caller in headers.
 *
 * `GET /v1/me` answers with the key under which the caller's token was minted.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { createVerifier, type Verifier, type VerifierOptions, type VerifierStatus } from "@countersign/verifier";
import { expressMiddleware } from "@countersign/verifier/express";
import express, { type Express } from "express";
import { offer } from "./companion.ts";
import { createRandom } from "./random.ts";

export interface VerifiedApiOptions extends VerifierOptions {
  /**
   * Delays the service's answers to the verifier by a random time up to this, in milliseconds, as if they took a longer
   * path than the change feed. 0 by default.
   */
  readonly delayMsMax?: number;
}

/** A verifier's own figures, and the codes of the problems that it reported. */
export interface ReportedStatus extends VerifierStatus {
  readonly problems: readonly string[];
}

interface Verified {
  readonly verifier: Verifier;
  readonly problems: readonly string[];
}

const verifiedApis = new Map<string, Verified>();

const functions = {
  /** @returns its URL, once the verifier follows the change feed */
  async serveBehindVerifier({ delayMsMax = 0, ...options }: VerifiedApiOptions): Promise<string> {
    const problems: string[] = [];
    const verifier = createVerifier({
      ...options,
      onProblem: ({ code }) => problems.push(code),
      ...(delayMsMax > 0 && { fetch: delayAnswers(delayMsMax) }),
    });
    const app = express();
    app.use("/v1", expressMiddleware(verifier));
    app.get("/v1/me", (request, response) => {
      response.json({ username: request.auth?.username, key_id: request.auth?.keyId });
    });
    assert.ok(await verifier.ready(), `the verifier isn't in sync: ${problems.join(", ")}`);
    const url = await listen(app);
    verifiedApis.set(url, { verifier, problems });
    return url;
  },

  /** @returns its URL, which only the gateway uses */
  serveBehindGateway(): Promise<string> {
    const app = express();
    app.get("/v1/me", (request, response) => {
      response.json({ username: request.get("X-Auth-Username"), key_id: Number(request.get("X-Auth-Key-Id")) });
    });
    return listen(app);
  },

  verifierStatus(url: string): ReportedStatus {
    const { verifier, problems } = verifiedApis.get(url) ?? assert.fail(`there is no verifier at ${url}`);
    return { ...verifier.status(), problems };
  },
};

export type StoryApi = typeof functions;

function delayAnswers(msMax: number): NonNullable<VerifierOptions["fetch"]> {
  const random = createRandom(1);
  return async (input, init) => {
    const response = await fetch(input, init);
    if (init.method === "POST") await wait(random() * msMax);
    return response;
  };
}

async function listen(app: Express): Promise<string> {
  const server = app.listen(0, "127.0.0.1");
  // So that no idle connection is closed in the middle of a test.
  server.keepAliveTimeout = 60_000;
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

offer(functions);
