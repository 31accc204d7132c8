/** Each check finds every fault that it knows, and nothing where there is none. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { type AuditEvent, chainEvent } from "../../feed/audit-chain.ts";
import { masterSecretFingerprint } from "../../signing-keys/signing-keys.ts";
import type { FindingCode } from "../catalogue.ts";
import type { Observation } from "../finding.ts";
import { type CertificateFacts, checkCertificates } from "./check-certificates.ts";
import { checkClock, type ClockFacts } from "./check-clock.ts";
import { checkConfiguration } from "./check-configuration.ts";
import { checkDatabase } from "./check-database.ts";
import { checkDisk } from "./check-disk.ts";
import { checkFeed } from "./check-feed.ts";
import { checkFiles, type FileFacts } from "./check-files.ts";
import { checkJobs } from "./check-jobs.ts";
import { checkKeys } from "./check-keys.ts";
import { checkLimits } from "./check-limits.ts";
import { checkNodes } from "./check-nodes.ts";
import { checkOperators, type OperatorFacts } from "./check-operators.ts";
import { checkRuntime } from "./check-runtime.ts";
import { checkSecrets } from "./check-secrets.ts";
import { checkSingleSignOn } from "./check-single-sign-on.ts";
import { checkDamage, checkStore, type OpenedStoreFacts } from "./check-store.ts";
import { checkWebhooks } from "./check-webhooks.ts";

const NOW_MS = Date.parse("2026-11-28T00:00:00Z");
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const GIB = 1024 ** 3;

function codesOf({ problems }: Observation): FindingCode[] {
  return problems.map(({ code }) => code);
}

/** Sound facts find nothing, and each changed part finds exactly these codes. */
function findsEach<Facts extends object>(
  check: (facts: Facts) => Observation,
  sound: Facts,
  faults: readonly (readonly [Partial<Facts>, ...FindingCode[]])[],
): void {
  assert.deepEqual(codesOf(check(sound)), []);
  assert.notEqual(check(sound).seen, "");
  for (const [fault, ...codes] of faults) {
    assert.deepEqual(codesOf(check({ ...sound, ...fault })), codes, JSON.stringify(fault));
  }
}

test("the settings: each invalid one, a level that says too little or too much, no limit, and URLs that mislead", () => {
  findsEach(
    checkConfiguration,
    {
      problems: [],
      platformNotice: undefined,
      passwordNotice: undefined,
      logLevel: "info",
      refusalLimit: 600,
      keyProof: "required",
      publicUrl: "https://auth.example",
      isPublicOpen: true,
      isInternalOpen: false,
      isInternalEncrypted: false,
    },
    [
      [{ problems: ["COUNTERSIGN_PORT: …", "COUNTERSIGN_PROT: …"] }, "setting_invalid", "setting_invalid"],
      [{ platformNotice: "…" }, "variables_ignored"],
      [{ passwordNotice: "…" }, "password_in_flags"],
      [{ logLevel: "trace" }, "log_verbose"],
      [{ logLevel: "silent" }, "log_silent"],
      [{ refusalLimit: 0 }, "refusal_limit_off"],
      [{ refusalLimit: 1 }],
      [{ keyProof: "optional" }, "key_proof_optional"],
      [{ publicUrl: undefined }, "public_url_missing"],
      [{ publicUrl: undefined, isPublicOpen: false }],
      [{ publicUrl: "http://127.0.0.1:8080" }, "public_url_local"],
      [{ publicUrl: "http://0.0.0.0:8080" }, "public_url_local"],
      [{ publicUrl: "http://localhost:8080", isPublicOpen: false }],
      [{ publicUrl: "http://auth.example" }, "public_url_unencrypted"],
      [{ isInternalOpen: true }, "internal_listener_open"],
      [{ isInternalOpen: true, isInternalEncrypted: true }],
    ],
  );
});

test("the runtime: a version without security fixes, and one that is too old", () => {
  const check = ({ version, nowMs }: { version: string; nowMs: number }) => checkRuntime(version, "24.7", nowMs);
  findsEach(check, { version: "v26.10.0", nowMs: NOW_MS }, [
    [{ version: "v24.7.0" }],
    [{ version: "v25.2.0" }, "node_unsupported"],
    [{ nowMs: Date.parse("2029-05-01") }, "node_unsupported"],
    [{ version: "v24.6.9" }, "node_too_old"],
    [{ version: "v22.20.0" }, "node_too_old"],
    [{ version: "v99.0.0" }],
  ]);
});

test("the limit of open files: fewer connections than a setting asks for, or than most services need", () => {
  assert.deepEqual(codesOf(checkLimits(1000, undefined)), []);
  assert.deepEqual(codesOf(checkLimits(999, undefined)), ["open_files_low"]);
  assert.deepEqual(codesOf(checkLimits(200, 200)), []);
  assert.deepEqual(codesOf(checkLimits(16_000, 16_384)), ["open_files_low"]);
});

test("the files: what the service refuses, what others can read, and a doctor that runs as root", () => {
  const none = { otherOwner: undefined, refused: [], open: [], exposedSockets: [] };
  const sound: FileFacts = { ...none, folder: "/d", isThere: true, isNeeded: true, count: 4 };
  findsEach(checkFiles, sound, [
    [{ isThere: false, isNeeded: false }],
    [{ isThere: false, isNeeded: false, exposedSockets: ["/tmp/countersign.sock"] }, "socket_exposed"],
    [{ isThere: false }, "data_folder_missing"],
    [{ otherOwner: 998 }, "wrong_user"],
    [{ refused: [{ path: "/d/master.key", problem: "belongs to user 7" }] }, "file_refused"],
    [{ open: [{ path: "/d/countersign.db", mode: "0644" }] }, "file_open_to_others"],
    [{ exposedSockets: ["/tmp/countersign.sock"] }, "socket_exposed"],
  ]);
});

test("the disk: full and nearly full, by bytes and by inodes", () => {
  const sound = { folder: "/d", freeBytes: 10 * GIB, inodes: 1_000_000, freeInodes: 900_000, storeBytes: GIB };
  findsEach(checkDisk, sound, [
    [{ freeBytes: 100 * 1024 ** 2 - 1 }, "disk_full"],
    [{ freeBytes: GIB - 1, storeBytes: 0 }, "disk_low"],
    [{ freeBytes: GIB, storeBytes: 0 }],
    [{ storeBytes: 11 * GIB }, "disk_low"],
    [{ freeInodes: 99 }, "disk_full"],
    [{ freeInodes: 19_999 }, "disk_low"],
    [{ inodes: 0, freeInodes: 0 }],
  ]);
});

test("the store: missing, lost, unreachable, of another release, restored, read-only, with a log that grows", () => {
  const place = "db.example/countersign";
  const sound: OpenedStoreFacts = {
    state: "opened",
    place,
    missingMigrations: [],
    unknownMigrations: [],
    restoration: undefined,
    positionProblem: undefined,
    logBytes: 8 * 1024 ** 2,
    readOnly: undefined,
    wrongEncoding: undefined,
    writeProblem: undefined,
  };
  const older = { kind: "older", lastSeq: 41, backupAtMs: null, rememberedSeq: 43, undone: [] } as const;
  findsEach(checkStore, sound, [
    [{ missingMigrations: ["0008-key-trust"] }, "schema_older", "not_checked"],
    [{ unknownMigrations: ["0099-later"] }, "schema_newer", "not_checked"],
    [{ restoration: older }, "store_restored"],
    [{ positionProblem: "countersign.position is damaged" }, "store_restored"],
    [{ logBytes: 65 * 1024 ** 2 }, "log_large"],
    [{ readOnly: "the database is a standby" }, "store_read_only"],
    [{ wrongEncoding: "LATIN1" }, "store_foreign"],
    [{ writeProblem: "the disk is full" }, "store_unwritable"],
  ]);
  assert.deepEqual(codesOf(checkStore({ state: "missing", place })), ["store_missing"]);
  assert.deepEqual(codesOf(checkStore({ state: "lost", place })), ["store_lost", "not_checked"]);
  const unreachable = checkStore({ state: "unreachable", place, problem: "the database can't be reached" });
  assert.deepEqual(codesOf(unreachable), ["store_unreachable", "not_checked"]);
  assert.deepEqual(codesOf(checkDamage(place, undefined)), []);
  assert.deepEqual(codesOf(checkDamage(place, "Page 7 is never used")), ["store_damaged"]);
});

test("PostgreSQL: its version, too few connections for the nodes, and lost notifications", () => {
  const sound = {
    major: 17,
    connectionsMax: 97,
    connectionsPerNode: 11,
    nodes: 3,
    isNotified: true,
    hasListenUrl: false,
  };
  findsEach((facts: typeof sound) => checkDatabase(facts, NOW_MS), sound, [
    [{ major: 12 }, "postgres_too_old"],
    [{ major: 14 }, "postgres_unsupported"],
    [{ major: 15 }],
    [{ nodes: 8 }],
    [{ nodes: 9 }, "connections_short"],
    [{ nodes: 0, connectionsMax: 10 }, "connections_short"],
    [{ isNotified: false }, "notifications_lost"],
    [{ isNotified: false, hasListenUrl: true }, "notifications_lost"],
  ]);
});

test("the clock: beside the database's and an NTP server's, ahead and behind, at each limit", () => {
  const answered = (offsetMs: number) => ({ ntp: { server: "time.example:123", result: { offsetMs } } });
  const silent = { server: "time.example:123", result: { problem: "it didn't answer in time" } };
  findsEach<ClockFacts>(checkClock, { databaseOffsetMs: 0, ntp: undefined, steps: 0 }, [
    [{ databaseOffsetMs: 5000 }],
    [{ databaseOffsetMs: 5001 }, "clock_off"],
    [{ databaseOffsetMs: -60_000 }, "clock_off"],
    [{ databaseOffsetMs: -60_001 }, "clock_wrong"],
    [answered(12)],
    [answered(-5001), "clock_off"],
    [answered(90_000), "clock_wrong"],
    [{ ntp: silent }, "ntp_silent"],
    [{ steps: 1 }, "clock_stepped"],
  ]);
});

const secret = (number: number) => createHash("sha256").update(`secret ${number}`).digest();
const STORE_ID = "00112233445566778899aabbccddeeff";
const keyOf = (number: number, from: Buffer, times: object = {}) => ({
  number,
  masterFingerprint: masterSecretFingerprint(from, STORE_ID),
  createdAtMs: NOW_MS - DAY_MS,
  activatedAtMs: NOW_MS - DAY_MS,
  retiredAtMs: null,
  ...times,
});

test("the master secret: missing, another store's, one of two, no longer needed, and a key that waits", () => {
  const [own, other] = [secret(1), secret(2)];
  const sound = {
    masterSecrets: [own] as readonly Buffer[] | { readonly problem: string },
    storeId: STORE_ID,
    signingKeys: [keyOf(1, own)],
  };
  const waiting = (minutes: number) => keyOf(2, own, { activatedAtMs: null, createdAtMs: NOW_MS - minutes * 60_000 });
  findsEach((facts: typeof sound) => checkSecrets(facts, NOW_MS), sound, [
    [{ masterSecrets: { problem: "master.key is missing" } }, "master_secret_missing"],
    [{ masterSecrets: { problem: "master.key is missing" }, signingKeys: [] }],
    [{ masterSecrets: [other] }, "master_secret_wrong"],
    [{ masterSecrets: [other, own] }],
    [{ masterSecrets: [own, other] }, "master_secret_unused"],
    [{ signingKeys: [keyOf(1, own), keyOf(2, other)] }, "signing_key_unknown"],
    [{ signingKeys: [keyOf(1, own), keyOf(2, other, { retiredAtMs: NOW_MS })] }],
    [{ signingKeys: [keyOf(1, own), waiting(10)] }],
    [{ signingKeys: [keyOf(1, own), waiting(11)] }, "signing_key_waiting"],
    // A key of a release before stores had ids.
    [{ signingKeys: [{ ...keyOf(1, own), masterFingerprint: masterSecretFingerprint(own, undefined) }] }],
  ]);
});

test("the nodes: several releases, several public URLs, and one that can't check the others' tokens", () => {
  const node = {
    id: "a",
    startedAtMs: 0,
    seenAtMs: 0,
    version: "2.0.0",
    hostName: null,
    feedLagMs: 0,
    signingKeys: [1, 2],
    publicUrl: "https://auth.example",
  };
  const sound = { nodes: [node, { ...node, id: "b" }], signingKeys: [keyOf(2, secret(1))], version: "2.0.0" };
  findsEach(checkNodes, sound, [
    [{ nodes: [] }],
    [{ nodes: [node, { ...node, version: "1.9.0" }] }, "versions_differ"],
    [{ version: "2.1.0" }, "versions_differ"],
    [{ nodes: [node, { ...node, publicUrl: "http://10.0.0.7:8080" }] }, "public_urls_differ"],
    [{ nodes: [node, { ...node, signingKeys: [1] }] }, "node_lacks_signing_key"],
    [{ nodes: [{ ...node, signingKeys: [1] }], signingKeys: [keyOf(2, secret(1), { activatedAtMs: null })] }],
  ]);
});

/** A chain of so many events. */
function chainOf(count: number): AuditEvent[] {
  const events: AuditEvent[] = [];
  for (let at = 0; at < count; at++) {
    const event = { atMs: at, actor: "cli:x", action: "key.added", subject: `key:${at}`, details: "{}" };
    events.push(chainEvent(event as unknown as Parameters<typeof chainEvent>[0], events.at(-1)));
  }
  return events;
}

test("the audit log: a change among the last events breaks their chain, and a view that isn't confirmed is found", async () => {
  for (const count of [0, 1, 3, 700]) {
    const events = chainOf(count);
    const log = {
      last: () => Promise.resolve({ seq: count, hash: events.at(-1)?.hash ?? "0".repeat(64) }),
      after: (seq: number, limit: number) => Promise.resolve(events.filter((event) => event.seq > seq).slice(0, limit)),
    };
    assert.deepEqual(codesOf(await checkFeed(log, undefined)), [], `${count} events`);
    assert.deepEqual(codesOf(await checkFeed(log, true)), []);
    assert.deepEqual(codesOf(await checkFeed(log, false)), ["feed_stale"]);
    const altered = events[count - 2];
    if (altered === undefined) continue;
    events[count - 2] = { ...altered, subject: "key:9" };
    assert.deepEqual(codesOf(await checkFeed(log, undefined)), ["audit_broken"], `${count} events`);
  }
});

test("webhooks: one that has failed for over an hour and one that was deactivated for it, without their URLs", () => {
  const sound = {
    id: 3 as never,
    label: null,
    status: "active" as const,
    disabledReason: null as "failing" | "gone" | null,
    failingSinceMs: null as number | null,
    attempts: 0,
    url: "https://hooks.example/secret-path",
  };
  const check = (webhook: typeof sound) => checkWebhooks([webhook], NOW_MS);
  findsEach(check, sound, [
    [{ failingSinceMs: NOW_MS - HOUR_MS }],
    [{ failingSinceMs: NOW_MS - HOUR_MS - 1, attempts: 9 }, "webhook_failing"],
    [{ disabledReason: "failing" }, "webhook_disabled"],
    [{ disabledReason: "gone" }, "webhook_disabled"],
  ]);
  assert.doesNotMatch(JSON.stringify(check({ ...sound, disabledReason: "gone" })), /secret-path/);
});

test("jobs: one that is overdue although nodes serve, and that no node runs now", () => {
  const job = { name: "key-audit", intervalMs: DAY_MS, ranAtMs: NOW_MS - DAY_MS, isHeld: false };
  const sound = { ...job, ranAtMs: job.ranAtMs as number | null, servedMs: 30 * DAY_MS };
  const check = ({ servedMs, ...one }: typeof sound) => checkJobs([one], [{ startedAtMs: NOW_MS - servedMs }], NOW_MS);
  findsEach(check, sound, [
    [{ ranAtMs: NOW_MS - 3 * DAY_MS }],
    [{ ranAtMs: NOW_MS - 3 * DAY_MS - 1 }, "job_overdue"],
    [{ ranAtMs: NOW_MS - 9 * DAY_MS, isHeld: true }],
    [{ ranAtMs: NOW_MS - 9 * DAY_MS, servedMs: HOUR_MS }],
    [{ ranAtMs: null }, "job_overdue"],
  ]);
  assert.deepEqual(codesOf(checkJobs([{ ...job, ranAtMs: null }], [], NOW_MS)), []);
});

test("clients' keys: expiring, weak and unused ones", () => {
  const sound = { active: 9, expiring_1d: 0, expiring_7d: 0, expiring_30d: 4, unused_90d: 0, weak: 0 };
  findsEach(checkKeys, sound, [
    [{ expiring_7d: 1 }, "keys_expiring"],
    [{ weak: 10_001 }, "keys_weak"],
    [{ unused_90d: 2 }, "keys_unused"],
  ]);
});

test("operators: none, one with only a password, and admin tokens that expire soon", () => {
  const operator = { email: "ann@a.example", status: "active" as const, federated: null, hasPasskey: true };
  const token = { name: "deploy", expiresAtMs: NOW_MS + 8 * DAY_MS, revokedAtMs: null };
  const sound: OperatorFacts = { operators: [operator], adminTokens: [token] };
  const soon = { ...token, expiresAtMs: NOW_MS + 7 * DAY_MS };
  const federated = { issuer: "https://id.example", subject: "1" };
  findsEach((facts: OperatorFacts) => checkOperators(facts, NOW_MS), sound, [
    [{ operators: [] }, "operators_missing"],
    [{ operators: [{ ...operator, hasPasskey: false }] }, "second_factor_missing"],
    [{ operators: [{ ...operator, hasPasskey: false, federated }] }],
    [{ operators: [operator, { ...operator, hasPasskey: false, status: "deactivated" }] }],
    [{ adminTokens: [soon] }, "admin_tokens_expiring"],
    [{ adminTokens: [{ ...soon, revokedAtMs: NOW_MS }] }],
    [{ adminTokens: [{ ...soon, expiresAtMs: NOW_MS }] }],
  ]);
});

test("single sign-on: a provider that doesn't answer, and one that names another issuer", () => {
  const issuer = "https://id.example";
  assert.deepEqual(codesOf(checkSingleSignOn(issuer, { issuer })), []);
  assert.deepEqual(codesOf(checkSingleSignOn(issuer, { problem: "there is no route" })), ["sso_unreachable"]);
  assert.deepEqual(codesOf(checkSingleSignOn(issuer, { issuer: `${issuer}/` })), ["sso_issuer_differs"]);
});

test("certificates: unreadable, expired, not valid yet, expiring, with another name or issuer", () => {
  const sound: CertificateFacts = {
    name: "the certificate of https://auth.example",
    validFromMs: NOW_MS - 60 * DAY_MS,
    validToMs: NOW_MS + 14 * DAY_MS,
  };
  const check = (certificate: CertificateFacts) => checkCertificates([certificate], NOW_MS);
  findsEach(check, sound, [
    [{ problem: "can't be read" }, "certificate_unusable"],
    [{ validToMs: NOW_MS }, "certificate_expired"],
    [{ validFromMs: NOW_MS + 1 }, "certificate_expired"],
    [{ validToMs: NOW_MS + 14 * DAY_MS - 1 }, "certificate_expiring"],
    // A certificate for a day, of an authority of one's own, is renewed after 18 hours.
    [{ validFromMs: NOW_MS - 17 * HOUR_MS, validToMs: NOW_MS + 7 * HOUR_MS }],
    [{ validFromMs: NOW_MS - 19 * HOUR_MS, validToMs: NOW_MS + 5 * HOUR_MS }, "certificate_expiring"],
    [{ nameProblem: "it isn't valid for auth.example" }, "certificate_name"],
    [{ trustProblem: "self signed" }, "certificate_untrusted"],
    [{ trustProblem: "self signed", validToMs: NOW_MS }, "certificate_expired"],
  ]);
  assert.deepEqual(codesOf(checkCertificates([], NOW_MS)), []);
});
