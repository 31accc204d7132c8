/**
 * Zero wrong answers: while eight clients ask every source of verdicts, keys are deactivated and activated, and no
 * request that began more than 100 ms after an acknowledged change is answered from before it.
 *
 * Four processes besides this one: the server, Express APIs behind the verifier, the eight clients, and one that
 * switches the keys as the command line does. Each records its times on the machine's shared clock; all answers are
 * judged afterwards.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { createTokenSource } from "@countersign/client";
import { type Companion, startCompanion } from "../testkit/companion.ts";
import { eventually } from "../testkit/eventually.ts";
import type { HammerClients } from "../testkit/hammer-clients.ts";
import {
  type Answers,
  type Asked,
  type VerdictSource,
  type SourceFigures,
  VERDICT_SOURCES,
  judge,
  type Outcome,
  OUTCOMES,
} from "../testkit/hammer-judge.ts";
import { createRandom } from "../testkit/random.ts";
import { createApiUser, createKey, startServer, type TestServer } from "../testkit/server.ts";
import type { Administration } from "../testkit/administration.ts";
import { watchStarvation } from "../testkit/processes.ts";
import { HOLDS_MS, type KeyChange, type Standing } from "../testkit/truth.ts";
import type { StoryApi, VerifiedApiOptions } from "../testkit/story-api.ts";

const CLIENTS = 8;

/** How long keys are deactivated and activated, at least. */
const HAMMERED_MS = 20_000;

/** How often each of the keys is deactivated and activated again: 100 times in total. */
const KEYS = 5;
const ROUNDS = 20;

/**
 * Tokens of each key, and how many tokens in total the verifier caches: fewer than are usually active, so that it keeps
 * asking, and requests are under way at every change.
 */
const TOKENS_EACH = 4;
const REMEMBERED_MAX = 8;

/** How much the far verifier's answers are delayed at most. Many arrive after a change that it has already heard of. */
const DELAY_MS_MAX = 30;

/** The clients' pause after asking all sources: the machine has to be busy, but without starving the nodes. */
const PAUSE_MS = 1;

const STARVATION_NOTED_MS = 10;

/** Fewer answers than this prove nothing. On two cores there are about 10,000 of each kind from each source. */
const JUDGED_MIN = 50;

test("the judge finds a late yes and a late no, and allows for delays of the machine", () => {
  const tokens = [{ keyId: 7 }];
  const switches: KeyChange[] = [
    { keyId: 7, standing: "active", beganMs: -10, endedMs: 0 },
    { keyId: 7, standing: "deactivated", beganMs: 1000, endedMs: 1010 },
    { keyId: 7, standing: "active", beganMs: 2000, endedMs: 2010 },
  ];
  const judgeOne = (outcome: Outcome, startedAtMs: number, endedAtMs = startedAtMs + 1, starvedMs = 0) => {
    const asked: Asked = {
      startedAtMs: Float64Array.of(startedAtMs),
      endedAtMs: Float64Array.of(endedAtMs),
      source: Uint8Array.of(VERDICT_SOURCES.indexOf("verifier")),
      token: Uint8Array.of(0),
      outcome: Uint8Array.of(OUTCOMES.indexOf(outcome)),
    };
    const figures = judge(asked, tokens, switches, () => starvedMs).find(({ source }) => source === "verifier");
    const { mustBeNo, mustBeYes } = figures ?? assert.fail();
    const list = ({ judged, wrong, wrongInSync, latestMs }: Answers) => [judged, wrong, wrongInSync, latestMs];
    return { mustBeNo: list(mustBeNo), mustBeYes: list(mustBeYes) };
  };
  const none = [0, 0, 0, 0];
  assert.deepEqual(judgeOne("yes", 1200), { mustBeNo: [1, 1, 1, 190], mustBeYes: none });
  assert.deepEqual(judgeOne("no", 1200), { mustBeNo: [1, 0, 0, 0], mustBeYes: none });
  assert.deepEqual(judgeOne("undecided", 1200), { mustBeNo: [1, 0, 0, 0], mustBeYes: none });
  assert.deepEqual(judgeOne("no", 2200), { mustBeNo: none, mustBeYes: [1, 1, 1, 190] });
  assert.deepEqual(judgeOne("no", 500), { mustBeNo: none, mustBeYes: [1, 1, 1, 500] });
  // At 100 ms an answer isn't late, and until the next change begins only one answer is right.
  assert.deepEqual(judgeOne("yes", 1110), { mustBeNo: [0, 0, 0, 100], mustBeYes: none });
  assert.deepEqual(judgeOne("yes", 1110.1).mustBeNo.slice(0, 3), [1, 1, 1]);
  assert.deepEqual(judgeOne("yes", 1900, 1999.9).mustBeNo, [1, 1, 1, 890]);
  for (const [startedAtMs, endedAtMs] of [
    [1900, 2000],
    [1005, 1006],
    [999, 1011],
  ] as const) {
    assert.deepEqual(judgeOne("yes", startedAtMs, endedAtMs), { mustBeNo: none, mustBeYes: none });
  }
  // 190 ms, of which the node had a processor for 100 or a little more.
  assert.deepEqual(judgeOne("yes", 1200, 1201, 90).mustBeNo, [1, 1, 0, 190]);
  assert.deepEqual(judgeOne("yes", 1200, 1201, 89.9).mustBeNo, [1, 1, 1, 190]);
});

describe("eight clients and a hundred deactivations", { concurrency: 1 }, () => {
  let server: TestServer;
  let api: Companion<StoryApi>;
  let clients: Companion<HammerClients>;
  let administration: Companion<Administration>;
  let urls: Record<VerdictSource, string>;
  let resourceServer: { readonly client_id: string; readonly client_secret: string };
  const keyIds: number[] = [];
  const tokens: { readonly keyId: number; readonly token: string }[] = [];

  before(async () => {
    server = await startServer({ flags: ["--refusal-limit", "0"] });
    api = startCompanion("./story-api.ts");
    clients = startCompanion("./hammer-clients.ts");
    administration = startCompanion("./administration.ts", { COUNTERSIGN_DATA_DIR: server.dataDir });
    resourceServer = await server.json("resource-server", "create", "hammered");
    const options: VerifiedApiOptions = {
      baseUrl: server.publicUrl,
      clientId: resourceServer.client_id,
      clientSecret: resourceServer.client_secret,
      cacheMax: REMEMBERED_MAX,
    };
    urls = {
      check: server.publicUrl,
      introspection: server.publicUrl,
      verifier: await api.call("serveBehindVerifier", options),
      "far verifier": await api.call("serveBehindVerifier", { ...options, delayMsMax: DELAY_MS_MAX }),
    };
    const { username, ...firstKey } = await createApiUser(server);
    // All keys are one user's: a change of one of them must not affect another's tokens.
    for (let at = 0; at < KEYS; at++) {
      const { keyId, privateKeyFile } = at === 0 ? firstKey : await createKey(server, username);
      const privateKey = readFileSync(privateKeyFile, "utf8");
      const source = createTokenSource({ baseUrl: server.publicUrl, username, privateKey });
      await eventually("the server knows the key", () => source.getToken().catch(() => undefined));
      for (let count = 0; count < TOKENS_EACH; count++) {
        tokens.push({ keyId, token: await source.getToken({ fresh: true }) });
      }
      keyIds.push(keyId);
    }
  });

  after(async () => {
    await Promise.all([clients?.stop(), api?.stop(), administration?.stop()]);
    await server?.stop();
  });

  /** Deactivates and activates one key until the time is over, at moments unrelated to any process's timers. */
  async function switchOffAndOn(keyId: number, untilMs: number, random: () => number): Promise<KeyChange[]> {
    const switches: KeyChange[] = [];
    const total = ROUNDS * 2;
    for (let count = 0; count < total; count++) {
      // An equal share of the remaining time, give or take 60 %, so that it ends in time, however slow the disk is.
      const shareMs = Math.max(0, untilMs - performance.now()) / (total - count);
      await wait(count === 0 ? random() * shareMs : shareMs * (0.4 + 1.2 * random()));
      const standing: Standing = count % 2 === 0 ? "deactivated" : "active";
      switches.push(await administration.call("setKeyStanding", keyId, standing));
    }
    await wait(Math.max(0, untilMs - performance.now()));
    return switches;
  }

  test("give no wrong answer more than 100 ms after an acknowledged change", async (t) => {
    const watches = { server: watchStarvation(server.pid), api: watchStarvation(api.pid) };
    const noting = setInterval(() => {
      for (const watch of Object.values(watches)) watch.note();
    }, STARVATION_NOTED_MS).unref();
    const standingAtFirst = await Promise.all(
      keyIds.map((keyId) => administration.call("setKeyStanding", keyId, "active")),
    );
    const credentials = Buffer.from(`${resourceServer.client_id}:${resourceServer.client_secret}`).toString("base64");
    await clients.call("begin", {
      clients: CLIENTS,
      urls,
      resourceServer: `Basic ${credentials}`,
      tokens,
      pauseMs: PAUSE_MS,
    });
    const begunAtMs = performance.now();
    const switched = await Promise.all(
      keyIds.map((keyId, at) => switchOffAndOn(keyId, begunAtMs + HAMMERED_MS, createRandom(at + 1))),
    );
    const seconds = (performance.now() - begunAtMs) / 1000;
    const asked = await clients.call("end");
    clearInterval(noting);
    for (const watch of Object.values(watches)) watch.note();
    const verifiers = {
      verifier: await api.call("verifierStatus", urls.verifier),
      "far verifier": await api.call("verifierStatus", urls["far verifier"]),
    };

    const figures = judge(
      asked,
      tokens,
      [...standingAtFirst, ...switched.flat()],
      (source, fromMs, toMs) =>
        watches.server.betweenMs(fromMs, toMs) + (source in verifiers ? watches.api.betweenMs(fromMs, toMs) : 0),
    );

    const changes = switched.flat();
    const tookMs = changes.map(({ beganMs, endedMs }) => endedMs - beganMs);
    t.diagnostic(
      `${changes.filter(({ standing }) => standing === "deactivated").length} deactivations and as many activations in ` +
        `${seconds.toFixed(1)} s, each acknowledged within ${Math.max(...tookMs).toFixed(0)} ms`,
    );
    for (const each of figures) t.diagnostic(describeSource(each, seconds));
    for (const [name, status] of Object.entries(verifiers)) t.diagnostic(`${name}: ${JSON.stringify(status)}`);
    t.diagnostic(`server: ${JSON.stringify(await readMetrics(server))}`);
    const starvedMs = Object.entries(watches).map(
      ([name, watch]) => `the ${name} for ${watch.betweenMs(0, Infinity).toFixed(0)} ms`,
    );
    t.diagnostic(`starved: ${starvedMs.join(", ")}`);

    for (const { source, outcomes, mustBeNo, mustBeYes } of figures) {
      // Otherwise nothing was tested.
      assert.ok(
        mustBeNo.judged > JUDGED_MIN && mustBeYes.judged > JUDGED_MIN,
        `${source}: too few requests to prove anything`,
      );
      assert.equal(outcomes["wrong key"], 0, `${source}: a yes named another key`);
      assert.equal(outcomes.unexpected, 0, `${source}: an answer that is neither yes nor no nor 503`);
      assert.equal(mustBeNo.wrongInSync, 0, `${source}: a yes after an acknowledged deactivation`);
      assert.equal(mustBeYes.wrongInSync, 0, `${source}: a no after an acknowledged activation`);
    }
    for (const { asked, remembered } of Object.values(verifiers)) {
      assert.ok(remembered > JUDGED_MIN, "the verifiers answered from the cache");
      assert.ok(asked > JUDGED_MIN, "and kept asking");
    }
  });
});

function describeSource({ source, requests, outcomes, mustBeNo, mustBeYes }: SourceFigures, seconds: number): string {
  const describe = (after: string, wrong: string, answers: Answers) =>
    `more than ${HOLDS_MS} ms after ${after} ${answers.wrong} ${wrong} among ${answers.judged} answers, ` +
    `${answers.wrongInSync} of them from a node in sync; the last ${wrong} began ${answers.latestMs.toFixed(1)} ms after ` +
    `(starved for ${answers.starvedMs.toFixed(1)} of them)`;
  const ofDeactivations = describe("a deactivation", "yes", mustBeNo);
  const ofActivations = describe("an activation", "no", mustBeYes);
  return `${source}: ${(requests / seconds).toFixed(0)} requests/s; ${ofDeactivations}; ${ofActivations}; 503: ${outcomes.undecided}`;
}

/** The server's own figures that matter here. */
async function readMetrics({ adminUrl }: TestServer): Promise<Record<string, number>> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  const names = [
    "countersign_view_fresh",
    "countersign_view_hits_total",
    "countersign_view_misses_total",
    "countersign_tokens_active_total",
    "nodejs_eventloop_lag_max_seconds",
  ];
  return Object.fromEntries(
    names.map((name) => [name, Number(new RegExp(`^${name} (.+)$`, "m").exec(text)?.[1] ?? NaN)]),
  );
}
