/**
 * The whole story, with nothing mocked: the client SDK gets a token of the server and calls two Express APIs with it,
 * one behind the verifier, one behind nginx. The token's key is deactivated, and both APIs refuse it.
 *
 * Five processes besides this one: the server, the two APIs, nginx, and the command line or its stand-in
 * (test/testkit/administration.ts).
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { CountersignError, createFetch, createTokenSource, type Fetch, type TokenSource } from "@countersign/client";
import { type Companion, monotonicMs, startCompanion } from "../testkit/companion.ts";
import { eventually } from "../testkit/eventually.ts";
import { GATEWAYS, type RunningGateway, startGateway } from "../testkit/gateway.ts";
import { requestHead } from "../../packages/server/src/testing/raw-http.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import { createApiUser, startServer, type TestApiUser, type TestServer } from "../testkit/server.ts";
import type { Administration } from "../testkit/administration.ts";
import type { StoryApi } from "../testkit/story-api.ts";
import { connectTimed, type TimedAnswer, type TimedClient } from "../testkit/timed-client.ts";

const nginx = GATEWAYS.find(({ name }) => name === "nginx") ?? assert.fail("there is no nginx among the gateways");
const missing = await findMissing(nginx);

/** How often the command line deactivates the key, each time in a process of its own. */
const ROUNDS = 2;

/** How often the delay is measured. */
const MEASURED_ROUNDS = 50;

/** Concurrent requests to each API while the delay is measured. */
const IN_FLIGHT = 2;

/** How many further requests each connection sends after its first refusal: none of them may be accepted. */
const ASKED_AFTERWARDS = 10;

/** The server looks for changes every 50 ms. The rounds begin at moments spread over twice that. */
const PHASE_MS = 100;

/** Far longer than anything here takes: it only keeps a broken test from hanging. */
const REFUSED_WITHIN_MS = 120_000;

/** One of the two APIs, as its client sees it. */
interface ProtectedApi {
  readonly name: "verifier" | "nginx";
  readonly url: string;
}

if (missing !== undefined && IS_CI) test("nginx", () => assert.fail(missing));
else describe("one key, two APIs", { skip: missing ?? false, concurrency: 1 }, tellStory);

function tellStory(): void {
  let server: TestServer;
  let user: TestApiUser;
  let apis: Companion<StoryApi>[] = [];
  let gateway: RunningGateway;
  let administration: Companion<Administration>;
  let source: TokenSource;
  let send: Fetch;
  let protectedApis: ProtectedApi[];

  before(async () => {
    server = await startServer({ flags: ["--trusted-proxies", "127.0.0.1", "--refusal-limit", "0"] });
    user = await createApiUser(server);
    const { client_id, client_secret } = await server.json<{ client_id: string; client_secret: string }>(
      "resource-server",
      "create",
      "story",
    );
    apis = [startCompanion<StoryApi>("./story-api.ts"), startCompanion<StoryApi>("./story-api.ts")];
    administration = startCompanion("./administration.ts", { COUNTERSIGN_DATA_DIR: server.dataDir });
    const [verified, behindNginx] = apis as [Companion<StoryApi>, Companion<StoryApi>];
    const [verifiedUrl, apiUrl] = await Promise.all([
      verified.call("serveBehindVerifier", {
        baseUrl: server.publicUrl,
        clientId: client_id,
        clientSecret: client_secret,
      }),
      behindNginx.call("serveBehindGateway"),
    ]);
    gateway = await startGateway(nginx, { countersignUrl: server.publicUrl, apiUrl });
    protectedApis = [
      { name: "verifier", url: verifiedUrl },
      { name: "nginx", url: gateway.url },
    ];
    source = createTokenSource({
      baseUrl: server.publicUrl,
      username: user.username,
      privateKey: readFileSync(user.privateKeyFile, "utf8"),
    });
    send = createFetch(source, { origins: protectedApis.map(({ url }) => url) });
  });

  after(async () => {
    await Promise.all([gateway?.stop(), administration?.stop(), ...apis.map((api) => api.stop())]);
    await server?.stop();
  });

  const askWith = (token: string, { url }: ProtectedApi) =>
    fetch(`${url}/v1/me`, { headers: { Authorization: `Token ${token}` } });

  /** Asserts that each API knows the caller. */
  async function assertAdmitted(answers: readonly Response[]): Promise<void> {
    for (const answer of answers) {
      assert.equal(answer.status, 200);
      assert.deepEqual(await answer.json(), { username: user.username, key_id: user.keyId });
    }
  }

  test("a deactivated key's client is refused by both APIs with the reason, and accepted again when the key is activated", async () => {
    for (let round = 0; round < ROUNDS; round++) {
      await assertAdmitted(await Promise.all(protectedApis.map(({ url }) => send(`${url}/v1/me`))));
      const token = await source.getToken();

      await server.json("key", "deactivate", String(user.keyId));
      for (const api of protectedApis) {
        const refusal = await eventually(`the API behind ${api.name} refuses`, async () => {
          const answer = await askWith(token, api);
          return answer.status === 403 ? answer : undefined;
        });
        if (api.name === "verifier") assert.match(await refusal.text(), /"code":"key_deactivated"/);
      }
      // The SDK passes the 403 on, and keeps its token.
      for (const { name, url } of protectedApis) assert.equal((await send(`${url}/v1/me`)).status, 403, name);
      assert.equal(await source.getToken(), token);
      await assert.rejects(source.getToken({ fresh: true }), (error: unknown) => {
        assert.ok(error instanceof CountersignError, String(error));
        assert.equal(error.code, "key_deactivated");
        return true;
      });

      await server.json("key", "activate", String(user.keyId));
      const admitted = protectedApis.map((api) =>
        eventually(`the API behind ${api.name} accepts the same token`, async () => {
          const answer = await askWith(token, api);
          return answer.status === 200 ? answer : undefined;
        }),
      );
      await assertAdmitted(await Promise.all(admitted));
    }
  });

  test("after the first refusal no request is accepted; the delay since the acknowledgement is measured", async (t) => {
    const token = await source.getToken({ fresh: true });
    const bytes = requestHead("GET", "/v1/me", [["Authorization", `Token ${token}`]]);
    const polled = await Promise.all(
      protectedApis.map(async ({ name, url }) => ({
        name,
        clients: await Promise.all(Array.from({ length: IN_FLIGHT }, () => connectTimed(url))),
        firstRefusalsMs: [] as number[],
        lastYesesMs: [] as number[],
        undecided: 0,
      })),
    );
    for (let round = 0; round < MEASURED_ROUNDS; round++) {
      // Not a wait for a condition: if the key were always deactivated at the same phase of the server's polling, the
      // delay would always be the same. Multiples of the golden ratio cover the interval evenly.
      const letIn = polled.map(() => Promise.withResolvers<void>());
      const deactivating = Promise.all([
        wait(((round * 0.618034) % 1) * PHASE_MS),
        ...letIn.map(({ promise }) => promise),
      ]).then(() => administration.call("setKeyStanding", user.keyId, "deactivated"));
      const [{ endedMs }, ...answersOf] = await Promise.all([
        deactivating,
        ...polled.map(({ name, clients }, at) => pollUntilRefused(name, clients, bytes, () => letIn[at]?.resolve())),
      ]);
      for (const [at, answers] of answersOf.entries()) {
        const api = polled[at] ?? assert.fail();
        const { name, firstRefusalsMs, lastYesesMs } = api;
        const refusals = answers.filter(({ status }) => status === 401 || status === 403);
        const yeses = answers.filter(({ status }) => status === 200);
        api.undecided += answers.filter(({ status }) => status === 503).length;
        assert.ok(yeses.length > 0, `${name} accepted no request before`);
        const refusedAtMs = Math.min(...refusals.map(({ endedAtMs }) => endedAtMs));
        const lastYesAtMs = Math.max(...yeses.map(({ startedAtMs }) => startedAtMs));
        assert.ok(lastYesAtMs < refusedAtMs, `${name} accepted a request that began after another had been refused`);
        firstRefusalsMs.push(refusedAtMs - endedMs);
        lastYesesMs.push(lastYesAtMs - endedMs);
      }
      await administration.call("setKeyStanding", user.keyId, "active");
      for (const { name, clients } of polled) {
        await eventually(`${name} accepts the token again`, async () => {
          const [client = assert.fail()] = clients;
          return (await client.ask(bytes)).status === 200;
        });
      }
    }
    for (const { name, clients, firstRefusalsMs, lastYesesMs, undecided } of polled) {
      for (const client of clients) client.end();
      const late = lastYesesMs.filter((ms) => ms > 0);
      t.diagnostic(
        `${name}: first refusal seen ${median(firstRefusalsMs)} ms after the acknowledgement (median of ${MEASURED_ROUNDS}), ` +
          `at worst ${worst(firstRefusalsMs)} ms; last accepted request began ${median(lastYesesMs)} ms after it (median), at ` +
          `worst ${worst(lastYesesMs)} ms; in ${late.length} rounds one that began after it was accepted; 503: ${undecided}`,
      );
    }
  });
}

/**
 * All clients send requests without a pause until each is refused, and then some more.
 *
 * @param onAdmitted called after each yes
 */
async function pollUntilRefused(
  name: string,
  clients: readonly TimedClient[],
  bytes: string,
  onAdmitted: () => void,
): Promise<TimedAnswer[]> {
  const answers: TimedAnswer[] = [];
  const deadlineMs = monotonicMs() + REFUSED_WITHIN_MS;
  await Promise.all(
    clients.map(async (client) => {
      for (let refused = 0; refused <= ASKED_AFTERWARDS; ) {
        const answer = await client.ask(bytes);
        answers.push(answer);
        if (answer.status === 200) onAdmitted();
        assert.ok([200, 401, 403, 503].includes(answer.status), `${name} answered ${answer.status}`);
        assert.ok(answer.endedAtMs < deadlineMs, `${name} still accepts the token after ${REFUSED_WITHIN_MS} ms`);
        if (refused > 0 || answer.status === 401 || answer.status === 403) refused++;
      }
    }),
  );
  return answers;
}

function median(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  return (((sorted[Math.ceil(half) - 1] ?? NaN) + (sorted[Math.floor(half)] ?? NaN)) / 2).toFixed(1);
}

function worst(values: readonly number[]): string {
  return Math.max(...values).toFixed(1);
}
