import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { Role } from "@countersign/protocol";
import { refusalOf } from "../../testing/refusal-of.ts";
import { codeOf, openTestOperators, ROOT, TEST_PASSWORD, type TestOperators } from "../../testing/test-operators.ts";
import {
  createDeviceSignIns,
  DEVICE_CODE_MS,
  type DeviceApproval,
  type DeviceSignIns,
  type DecidingOperator,
  POLL_SECONDS,
  WAITING_MAX,
  WAITING_PER_NETWORK_MAX,
} from "./device-sign-ins.ts";
import { SIGN_IN_FAILURES_MAX } from "./sign-in-limit.ts";
import type { Operator } from "./model.ts";
import { makeUserCode, parseUserCode } from "./secrets.ts";

/** Addresses of one network have the same text before `::`. */
const networkOf = (address: string) => address.split("::", 1)[0] ?? "";
const HERE = { hostName: "laptop", address: "192.0.2.1" };
const WRONG = "No command line waits under this code: it was mistyped or used, or has expired.";

let operators: TestOperators;
let signIns: DeviceSignIns;

beforeEach(async () => {
  operators = await openTestOperators();
  signIns = createDeviceSignIns({ ...operators.dependencies, networkOf });
});

afterEach(() => operators.close());

async function add(email: string, role: Role, account?: string): Promise<DecidingOperator> {
  return authorOf((await operators.add(email, role, account)).operator);
}

function authorOf(operator: Operator): DecidingOperator {
  return { ...operators.author(operator), operator };
}

const wait = (seconds: number) => operators.registry.clock.advanceSeconds(seconds);

/** Signs a command line in. @returns the token, and its caller as the admin API sees it */
async function signIn(by: DecidingOperator, approval: DeviceApproval = { role: by.role, account: by.account }) {
  const { deviceCode, userCode } = await signIns.start(HERE);
  await signIns.approve(by, userCode, approval);
  const verdict = await signIns.collect(deviceCode);
  assert.ok(verdict.status === "signed_in", verdict.status);
  return { ...verdict, caller: () => operators.authenticate.byAdminToken(verdict.secret) };
}

describe("a command line", () => {
  test("gets a token once, after an operator approved, and the audit log names the operator", async () => {
    const ada = await add("ada@example.com", "admin");
    const { deviceCode, userCode, signIn: waiting } = await signIns.start(HERE);
    assert.match(deviceCode, /^csdc_/);
    assert.match(userCode, /^[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}$/);
    assert.doesNotMatch(JSON.stringify(waiting), new RegExp(`${deviceCode}|${userCode}`), "the store has hashes");
    assert.deepEqual(await signIns.collect(deviceCode), { status: "authorization_pending" });
    const seen = await signIns.look(ada, userCode.toLowerCase().replace("-", " "));
    assert.deepEqual([seen.hostName, seen.address], ["laptop", "192.0.2.1"]);
    await operators.newEvents();
    await signIns.approve(ada, userCode, { role: "viewer", account: "acme", lifeSeconds: 3600 });
    wait(POLL_SECONDS);
    const verdict = await signIns.collect(deviceCode);
    assert.ok(verdict.status === "signed_in");
    const { token, secret } = verdict;
    assert.match(token.name, /^cli-ada@example\.com-[a-z]{6}$/);
    assert.deepEqual(
      [token.role, token.account, token.operatorEmail, token.hostName, token.createdBy],
      ["viewer", "acme", "ada@example.com", "laptop", "operator:ada@example.com"],
    );
    assert.equal(token.expiresAtMs, token.createdAtMs + 3_600_000);
    const [event, ...others] = await operators.newEvents();
    assert.deepEqual([event?.actor, event?.action, others], ["operator:ada@example.com", "admin_token.created", []]);
    assert.deepEqual([event?.details["operator"], event?.details["host_name"]], ["ada@example.com", "laptop"]);
    assert.doesNotMatch(JSON.stringify(event), new RegExp(`${secret}|${deviceCode}|${userCode}`));
    wait(POLL_SECONDS);
    assert.deepEqual(await signIns.collect(deviceCode), { status: "expired_token" });
    assert.equal((await refusalOf(signIns.look(ada, userCode))).message, WRONG);
  });

  test("that an operator denied learns it once", async () => {
    const ada = await add("ada@example.com", "owner");
    const { deviceCode, userCode } = await signIns.start(HERE);
    await signIns.deny(ada, userCode);
    assert.equal((await refusalOf(signIns.approve(ada, userCode, { role: "owner", account: null }))).message, WRONG);
    assert.deepEqual(await signIns.collect(deviceCode), { status: "access_denied" });
    wait(POLL_SECONDS);
    assert.deepEqual(await signIns.collect(deviceCode), { status: "expired_token" });
  });

  test("has ten minutes: at the tenth both codes have expired, approved or not", async () => {
    const ada = await add("ada@example.com", "owner");
    const [first, second, third] = [await signIns.start(HERE), await signIns.start(HERE), await signIns.start(HERE)];
    const seconds = DEVICE_CODE_MS / 1000;
    wait(seconds - 1);
    assert.deepEqual(await signIns.collect(first.deviceCode), { status: "authorization_pending" });
    await signIns.approve(ada, second.userCode, { role: "owner", account: null });
    assert.equal((await signIns.collect(second.deviceCode)).status, "signed_in");
    await signIns.approve(ada, third.userCode, { role: "owner", account: null });
    for (const step of [1, 1]) {
      wait(step);
      for (const { deviceCode } of [first, third]) {
        const fresh = createDeviceSignIns({ ...operators.dependencies, networkOf });
        assert.deepEqual(await fresh.collect(deviceCode), { status: "expired_token" });
      }
      assert.equal((await refusalOf(signIns.look(ada, first.userCode))).message, WRONG);
    }
  });

  test("learns nothing from a code that was never made, or is none", async () => {
    const { deviceCode } = await signIns.start(HERE);
    for (const code of ["", "x", `${deviceCode}x`, deviceCode.toLowerCase(), "\0", "x".repeat(100_000)]) {
      assert.deepEqual(await signIns.collect(code), { status: "expired_token" });
    }
  });

  test("that asks too fast is told to slow down, each time by five seconds more", async () => {
    const { deviceCode } = await signIns.start(HERE);
    const ask = async (afterSeconds: number) => {
      wait(afterSeconds);
      return (await signIns.collect(deviceCode)).status;
    };
    assert.equal(await ask(0), "authorization_pending");
    assert.equal(await ask(POLL_SECONDS), "authorization_pending");
    assert.equal(await ask(POLL_SECONDS - 2), "slow_down");
    assert.equal(await ask(POLL_SECONDS), "slow_down", "it must wait 10 s now");
    assert.equal(await ask(3 * POLL_SECONDS), "authorization_pending");
    assert.equal(await ask(2 * POLL_SECONDS), "slow_down", "and 15 s from then on");
  });

  test("is one of ten from a network, and of two hundred in all, until they expire", async () => {
    const startAt = (address: string) => signIns.start({ ...HERE, address });
    for (let at = 0; at < WAITING_PER_NETWORK_MAX; at++) await startAt("192.0.2.1");
    assert.equal(await codeOf(startAt("192.0.2.1")), "rate_limited");
    for (let at = 0; at < WAITING_PER_NETWORK_MAX; at++) await startAt(`2001:db8::${at}`);
    assert.equal(await codeOf(startAt("2001:db8::ffff")), "rate_limited");
    for (let at = 2 * WAITING_PER_NETWORK_MAX; at < WAITING_MAX; at++) await startAt(`2001:db8:0:${at}::1`);
    assert.equal(await codeOf(startAt("192.0.2.2")), "rate_limited");
    wait(DEVICE_CODE_MS / 1000);
    await startAt("192.0.2.1");
  });

  test("says a name for its machine that pages and terminals can show", async () => {
    for (const hostName of ["", " ", "a\n", "\u001b[2J", "\u202egpj", "x".repeat(101)]) {
      assert.equal(await codeOf(signIns.start({ ...HERE, hostName })), "field_invalid", JSON.stringify(hostName));
    }
    assert.equal((await signIns.start({ ...HERE, hostName: "Zoë’s 💻" })).signIn.hostName, "Zoë’s 💻");
  });
});

describe("an operator", () => {
  test("grants no more than their own role and account, and for no longer than thirty days", async () => {
    const lea = await add("lea@example.com", "admin", "acme");
    const { deviceCode, userCode } = await signIns.start(HERE);
    for (const [approval, code] of [
      [{ role: "owner", account: "acme" }, "forbidden"],
      [{ role: "viewer", account: null }, "forbidden"],
      [{ role: "viewer", account: "other" }, "field_invalid"],
      [{ role: "viewer", account: "absent" }, "field_invalid"],
      [{ role: "viewer", account: "acme", lifeSeconds: 59 }, "field_invalid"],
      [{ role: "viewer", account: "acme", lifeSeconds: 720 * 3600 + 1 }, "field_invalid"],
      [{ role: "viewer", account: "acme", lifeSeconds: Number.NaN }, "field_invalid"],
    ] as const) {
      assert.equal(await codeOf(signIns.approve(lea, userCode, approval)), code, JSON.stringify(approval));
    }
    assert.deepEqual(await signIns.collect(deviceCode), { status: "authorization_pending" });
    await signIns.approve(lea, userCode, { role: "admin", account: "acme", lifeSeconds: 720 * 3600 });
    wait(POLL_SECONDS);
    assert.equal((await signIns.collect(deviceCode)).status, "signed_in");
  });

  test("who signs in by an identity provider grants no more than a session's twelve hours", async () => {
    const ada = await add("ada@example.com", "admin");
    const by = {
      ...ada,
      operator: { ...ada.operator, federated: { issuer: "https://id.example.com", subject: "ada" } },
    };
    const { userCode } = await signIns.start(HERE);
    const grant = { role: "admin", account: null } as const;
    const refusal = await refusalOf(signIns.approve(by, userCode, { ...grant, lifeSeconds: 12 * 3600 + 1 }));
    assert.match(refusal.message, /identity provider stays signed in .* 12 hours at most/);
    await signIns.approve(by, userCode, { ...grant, lifeSeconds: 12 * 3600 });
  });

  test("can guess ten codes in a quarter of an hour, right ones not counted", async () => {
    const ada = await add("ada@example.com", "viewer");
    const lea = await add("lea@example.com", "viewer");
    const { userCode } = await signIns.start(HERE);
    for (let at = 0; at < SIGN_IN_FAILURES_MAX; at++) {
      await signIns.look(ada, userCode);
      assert.equal((await refusalOf(signIns.look(ada, "BBBB-BBBB"))).message, WRONG);
      // What can't be a code is no guess.
      assert.equal((await refusalOf(signIns.look(ada, "AAAA-AAAA"))).message, WRONG);
    }
    assert.equal(await codeOf(signIns.look(ada, userCode)), "rate_limited");
    await signIns.look(lea, userCode);
  });

  test("who was deactivated or lost a role after the approval has granted nothing", async () => {
    for (const patch of [{ status: "deactivated" }, { role: "viewer" }, { account: "other" }] as const) {
      const by = await add(`${Object.values(patch)[0]}@example.com`, "admin");
      const { deviceCode, userCode } = await signIns.start(HERE);
      await signIns.approve(by, userCode, { role: "admin", account: null });
      await operators.changes.change(ROOT, by.operator.id, patch);
      assert.deepEqual(await signIns.collect(deviceCode), { status: "expired_token" });
      assert.equal((await operators.store.adminTokens.page({}, { limit: 10 })).items.length, 0);
    }
  });

  test("who was deactivated meanwhile can neither approve nor deny", async () => {
    const ada = await add("ada@example.com", "admin");
    const { userCode } = await signIns.start(HERE);
    await operators.changes.change(ROOT, ada.operator.id, { status: "deactivated" });
    assert.equal(await codeOf(signIns.approve(ada, userCode, { role: "admin", account: null })), "sign_in_required");
    assert.equal(await codeOf(signIns.deny(ada, userCode)), "sign_in_required");
  });
});

describe("the token of a command line", () => {
  test("ends with its life, and not a second earlier", async () => {
    const ada = await add("ada@example.com", "viewer");
    const { caller, token } = await signIn(ada, { role: "viewer", account: null });
    wait(12 * 3600 - 1);
    assert.equal((await caller())?.actor, `admin-token:${token.name}`);
    wait(1);
    assert.equal(await caller(), undefined);
    wait(1);
    assert.equal(await caller(), undefined);
  });

  test("is revoked when the operator's permissions shrink, and stays so when they grow again", async () => {
    for (const [less, more] of [
      [{ status: "deactivated" }, { status: "active" }],
      [{ role: "viewer" }, { role: "owner" }],
      [{ account: "acme" }, { account: null }],
    ] as const) {
      const by = await add(`${Object.values(less)[0]}@example.com`, "admin");
      const { caller, token } = await signIn(by);
      assert.equal((await caller())?.role, "admin");
      await operators.newEvents();
      await operators.changes.change(ROOT, by.operator.id, less);
      const revoked = (await operators.newEvents()).find(({ action }) => action === "admin_token.revoked");
      assert.equal(revoked?.details["name"], token.name);
      assert.equal(await caller(), undefined);
      await operators.changes.change(ROOT, by.operator.id, more);
      assert.equal(await caller(), undefined);
    }
  });

  test("allows no more than its operator may, where another node changed only the operator", async () => {
    const ada = await add("ada@example.com", "owner");
    const { caller } = await signIn(ada);
    const acme = await operators.store.accounts.find("acme");
    const set = (values: { role?: Role; accountId?: NonNullable<typeof acme>["id"] | null; status?: "deactivated" }) =>
      operators.store.transaction((tx) => tx.operators.update(ada.operator.id, values));
    await set({ role: "viewer" });
    assert.deepEqual([(await caller())?.role, (await caller())?.account], ["viewer", null]);
    await set({ role: "owner", accountId: acme?.id ?? null });
    assert.deepEqual([(await caller())?.role, (await caller())?.account], ["owner", "acme"]);
    await set({ status: "deactivated" });
    assert.equal(await caller(), undefined);
  });

  test("for another account than its operator is limited to by now allows nothing", async () => {
    const ada = await add("ada@example.com", "owner");
    const { caller } = await signIn(ada, { role: "owner", account: "acme" });
    assert.equal((await caller())?.account, "acme");
    const other = await operators.store.accounts.find("other");
    await operators.store.transaction((tx) => tx.operators.update(ada.operator.id, { accountId: other?.id ?? null }));
    assert.equal(await caller(), undefined);
  });

  test("binds what it makes to the same operator", async () => {
    const ada = await add("ada@example.com", "owner");
    const { caller } = await signIn(ada);
    const principal = await caller();
    assert.ok(principal?.kind === "admin_token");
    const made = await operators.changes.createAdminToken(principal, { name: "ci", role: "viewer", account: null });
    assert.deepEqual([made.token.operatorEmail, made.token.hostName], ["ada@example.com", null]);
    await operators.changes.change(ROOT, ada.operator.id, { role: "admin" }).catch(() => undefined);
    await add("second@example.com", "owner");
    await operators.changes.change(ROOT, ada.operator.id, { role: "admin" });
    assert.equal(await operators.authenticate.byAdminToken(made.secret), undefined);
    assert.equal(
      await codeOf(operators.changes.createAdminToken(principal, { name: "late", role: "viewer", account: null })),
      "sign_in_required",
    );
  });

  test("ends with the operator's sessions: a new password, a reset, and ending the others", async () => {
    const { operator, session } = await operators.add("ada@example.com", "admin");
    const ada = authorOf(operator);
    const caller = { operator, session };
    const ways: readonly (() => Promise<unknown>)[] = [
      () => operators.own.endOtherSessions(caller),
      () =>
        operators.own.changePassword(caller, {
          currentPassword: TEST_PASSWORD,
          newPassword: "seven purple otters juggle",
        }),
      async () => {
        const { secret } = await operators.changes.reset(ROOT, operator.id);
        await operators.links.use(secret, { password: TEST_PASSWORD }, undefined, HERE_IN_BROWSER);
      },
    ];
    for (const way of ways) {
      const token = await signIn(ada);
      const pending = await signIns.start(HERE);
      await signIns.approve(ada, pending.userCode, { role: "viewer", account: null });
      await way();
      assert.equal(await token.caller(), undefined);
      assert.deepEqual(await signIns.collect(pending.deviceCode), { status: "expired_token" });
    }
  });
});

const HERE_IN_BROWSER = { address: "192.0.2.1", userAgent: "a browser" };

describe("a user code", () => {
  test("is read in any case, with any blanks and dashes, and no other text is one", () => {
    for (const text of ["WDJB-MJHT", "wdjbmjht", " wdjb mjht ", "W-D-J-B-M-J-H-T"]) {
      assert.equal(parseUserCode(text), "WDJB-MJHT");
    }
    for (const text of ["", "WDJB-MJH", "WDJB-MJHTT", "WDJB-MJHA", "WDJB-MJH1", "ＷDJB-MJHT", "\0".repeat(8)]) {
      assert.equal(parseUserCode(text), undefined, text);
    }
  });

  test("is as likely as any other", () => {
    const code = (bytes: Buffer) => makeUserCode({ bytes: () => bytes, uint32: () => 0 });
    assert.equal(code(Buffer.alloc(16)), "BBBB-BBBB");
    const last = Buffer.alloc(16);
    last.writeBigUInt64BE(20n ** 8n - 1n, 8);
    assert.equal(code(last), "ZZZZ-ZZZZ");
  });
});
