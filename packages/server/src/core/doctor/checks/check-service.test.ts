/** The checks that ask the service through a gateway, here a made-up one. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { ADMIN_PATH } from "@countersign/protocol";
import { createTestClock } from "../../../testing/test-clock.ts";
import { createTestRandom } from "../../../testing/test-random.ts";
import type { Ask, HttpAnswer, Probed } from "../ask-service.ts";
import type { FindingCode } from "../catalogue.ts";
import type { Observation } from "../finding.ts";
import { createProbes, PROBE_HEADER, type ProbeAnswer } from "../probe.ts";
import { checkExposure } from "./check-exposure.ts";
import { checkListeners, type ListenerFacts } from "./check-listeners.ts";
import { checkProxies } from "./check-proxies.ts";
import { checkPublicUrl, type PublicUrlFacts } from "./check-public-url.ts";

const probes = createProbes([createHash("sha256").update("secret").digest()], createTestClock(), createTestRandom());

const ANSWER: ProbeAnswer = {
  storeId: "ab",
  version: "2.0.0",
  runtime: "v26.10.0",
  peer: "10.0.0.5",
  isPeerTrusted: true,
  client: "198.51.100.7",
  source: { address: "198.51.100.7" },
  mayRead: false,
  forwardedFor: "198.51.100.7",
};

const answered: Probed = { kind: "answered", answer: ANSWER };
const silent: Probed = { kind: "silent", problem: "the connection was refused" };
const foreign = (status: number, location?: string): Probed => ({ kind: "foreign", status, location });
const json = (body: object, status = 200): HttpAnswer => ({ status, location: undefined, body: JSON.stringify(body) });

function codesOf({ problems }: Observation): FindingCode[] {
  return problems.map(({ code }) => code);
}

test("the listeners: silent while nodes serve or not, of another program, with another store, not ready, degraded", () => {
  const ready = json({ status: "ready" });
  const address = "http://127.0.0.1:8080";
  const sound: ListenerFacts = {
    public: { address, probe: answered, health: ready },
    internal: { address: "http://127.0.0.1:8081", health: ready },
    storeId: "ab",
    isServed: true,
  };
  const probed = (probe: Probed, health: HttpAnswer = ready) => ({ public: { address, probe, health } });
  const internal = (health: HttpAnswer) => ({ internal: { address: "unix:/run/internal.sock", health } });
  const refused: HttpAnswer = { problem: "the connection was refused" };
  const cases: readonly (readonly [Partial<ListenerFacts>, ...FindingCode[]])[] = [
    [{}],
    [{ storeId: undefined }],
    [{ internal: undefined }],
    [{ public: undefined }],
    [probed(silent), "listener_silent"],
    [{ ...probed(silent), ...internal(refused), isServed: false }, "not_serving"],
    [{ public: undefined, ...internal(refused), isServed: false }, "not_serving"],
    [probed(foreign(404)), "listener_foreign"],
    [probed(foreign(503)), "listener_foreign"],
    [probed(foreign(503), json({ status: "not_ready", reason: "the store can't be reached" }, 503)), "not_ready"],
    [{ storeId: "cd" }, "store_other"],
    [probed(answered, json({ status: "not_ready", reason: "stopping" }, 503)), "not_ready"],
    [probed(answered, json({ status: "ready", degraded: "changes can't be made right now" })), "degraded"],
    [internal(refused), "listener_silent"],
    [internal(json({ status: "green" })), "listener_foreign"],
    [internal(json({ status: "not_ready", reason: "…" }, 503)), "not_ready"],
  ];
  for (const [fault, ...codes] of cases) {
    assert.deepEqual(codesOf(checkListeners({ ...sound, ...fault })), codes, JSON.stringify(fault));
  }
});

test("the public URL: unreachable, another service's, another store's, redirecting, and also served without TLS", () => {
  const sound: PublicUrlFacts = {
    publicUrl: "https://auth.example",
    probe: answered,
    plainProbe: foreign(301, "https://auth.example/"),
    storeId: "ab",
    isServed: true,
  };
  const cases: readonly (readonly [Partial<PublicUrlFacts>, ...FindingCode[]])[] = [
    [{}],
    [{ plainProbe: silent }],
    [{ plainProbe: answered }, "http_open"],
    [{ probe: silent }, "public_url_unreachable"],
    [{ probe: silent, isServed: false }, "not_serving"],
    [{ probe: foreign(502), isServed: false }, "not_serving"],
    [{ probe: foreign(502) }, "public_url_foreign"],
    [{ probe: foreign(404) }, "public_url_foreign"],
    [{ probe: foreign(308, "https://login.example/?token=abc") }, "public_url_redirects"],
    [{ storeId: "cd" }, "store_other"],
  ];
  for (const [fault, ...codes] of cases) {
    assert.deepEqual(codesOf(checkPublicUrl({ ...sound, ...fault })), codes, JSON.stringify(fault));
  }
  // A gateway may put secrets into the address that it redirects to.
  const redirected = checkPublicUrl({ ...sound, probe: foreign(308, "https://login.example/?token=abc") });
  assert.match(redirected.problems[0]?.found ?? "", /redirects to https:\/\/login\.example \(308\)/);
});

test("exposure: the admin API, the metrics or the console under the public URL", async () => {
  const publicOnly = json({ meta: { errors: [{ code: "not_found" }] } }, 404);
  const cases: readonly (readonly [path: string, answer: HttpAnswer, ...codes: FindingCode[]])[] = [
    ["", publicOnly],
    [`${ADMIN_PATH}/overview`, json({ meta: { errors: [{ code: "sign_in_required" }] } }, 401), "internal_exposed"],
    ["/metrics", { status: 200, location: undefined, body: "# HELP countersign_x y\n" }, "internal_exposed"],
    ["/metrics", json({ meta: { errors: [{ code: "host_refused" }] } }, 421), "internal_exposed"],
    ["/metrics", { status: 200, location: undefined, body: "# HELP nginx_x y\n" }],
    ["/", { status: 200, location: undefined, body: "<title>Countersign</title>" }, "internal_exposed"],
    ["/", { status: 200, location: undefined, body: "<title>Our API</title>" }],
    [`${ADMIN_PATH}/overview`, { problem: "there is no route" }, "not_checked"],
  ];
  for (const [exposed, answer, ...codes] of cases) {
    const ask: Ask = (path) => Promise.resolve(path === exposed ? answer : publicOnly);
    assert.deepEqual(codesOf(await checkExposure("https://auth.example", ask)), codes, exposed);
  }
});

/** A service behind a gateway. @param sees what it sees of a request with these headers and this method */
function gateway(sees: (headers: Readonly<Record<string, string>>, method: string) => Partial<ProbeAnswer>): Ask {
  return (_path, { method = "GET", headers = {} } = {}) => {
    const body = probes.answer(headers[PROBE_HEADER] ?? "", { ...ANSWER, ...sees(headers, method) });
    return Promise.resolve({ status: 200, location: undefined, body });
  };
}

const SETTINGS = { trustedProxies: ["10.0.0.5"], unnamedProxy: undefined };

test("proxies: every forged header that the service believes is found, with what the gateway did wrong", async () => {
  const cases: readonly (readonly [name: string, Parameters<typeof gateway>[0], ...FindingCode[]])[] = [
    ["a gateway that overwrites what clients say", () => ({})],
    [
      "a gateway that passes X-Forwarded-For on",
      ({ "X-Forwarded-For": forged }) => (forged === undefined ? {} : { client: forged, forwardedFor: forged }),
      "address_forgeable",
    ],
    [
      "a gateway that passes Forwarded on and sets no other",
      ({ Forwarded: forged }) => (forged === undefined ? {} : { client: forged.slice(4), forwardedFor: null }),
      "address_forgeable",
    ],
    [
      "a service that believes X-Real-IP",
      ({ "X-Real-IP": forged }) => (forged === undefined ? {} : { client: forged }),
      "address_forgeable",
    ],
    [
      "a gateway that appends the doctor's address, which is a trusted proxy's itself",
      ({ "X-Forwarded-For": forged }) => ({
        client: forged ?? "10.0.0.9",
        forwardedFor: forged === undefined ? "10.0.0.9" : `${forged}, 10.0.0.9`,
      }),
    ],
    ["a gateway that passes methods on", (_headers, method) => ({ mayRead: method === "POST" }), "method_forgeable"],
    [
      "a gateway that drops methods",
      ({ "X-Forwarded-Method": named }) => ({ mayRead: named === "DELETE" }),
      "method_dropped",
    ],
    ["a gateway that isn't trusted", () => ({ source: { problem: "proxy_untrusted" } }), "proxy_untrusted"],
    ["a gateway that names no client", () => ({ source: { problem: "proxy_silent" } }), "proxy_silent"],
  ];
  for (const [name, sees, ...codes] of cases) {
    assert.deepEqual(codesOf(await checkProxies(SETTINGS, gateway(sees), probes)), codes, name);
  }
});

test("proxies: an address that only the settings show, and a trust in every address", async () => {
  const check = async (settings: Partial<Parameters<typeof checkProxies>[0]>) =>
    codesOf(await checkProxies({ ...SETTINGS, ...settings }, undefined, undefined));
  assert.deepEqual(await check({}), []);
  assert.deepEqual(await check({ unnamedProxy: "COUNTERSIGN_PUBLIC_URL begins with https://" }), ["proxy_unnamed"]);
  for (const wide of ["0.0.0.0/0", "::/0"]) assert.deepEqual(await check({ trustedProxies: [wide] }), ["proxies_wide"]);
  assert.deepEqual(await check({ trustedProxies: ["10.0.0.0/8"] }), []);
});

test("proxies: nothing is claimed of a gateway that leads to another service", async () => {
  const ask: Ask = () => Promise.resolve(json({}, 404));
  assert.deepEqual(codesOf(await checkProxies(SETTINGS, ask, probes)), ["not_checked"]);
});
