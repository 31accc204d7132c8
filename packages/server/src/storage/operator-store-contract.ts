/**
 * What every engine must do for operators: one suite, run on each engine. Only tests import this.
 */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import type {
  AdminToken,
  AdminTokenId,
  DeviceSignIn,
  DeviceSignInId,
  Invitation,
  InvitationId,
  Operator,
  OperatorId,
  Passkey,
  PasskeyId,
  Session,
  SessionId,
} from "../core/operators/model.ts";
import type { StoreTransaction } from "../core/store/store.ts";
import type { RememberedCreation } from "../core/change/store.ts";
import type { AccountId } from "../core/accounts/model.ts";
import type { ExpiryBounds } from "../core/store/store.ts";
import { insertAccount, openEachStore } from "./each-store-contract.ts";
import { expiredBefore, type StoreUnderTest } from "./store-contract.ts";

const TIME_MS = 1_481_650_253_342;

/** Ids that no row can have, and one that no row has. */
const NO_IDS = [0, -1, 2 ** 31 - 1, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER, 1e300, 1.5, Number.NaN];

/** Texts that strangers may send. */
const NO_TEXTS = ["", "nobody", "a\0", "\0", "\ud800", "' or 1=1 --", "x".repeat(100_000)];

const OPERATOR = {
  email: "zoe@example.com",
  role: "owner",
  accountId: null,
  passwordHash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
  federated: null,
  createdAtMs: TIME_MS,
} as const;

export function testOperatorStore(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`operators in the store on ${name}`, () => {
    const each = openEachStore(open);

    function change<Result>(work: (transaction: StoreTransaction) => Promise<Result>): Promise<Result> {
      return each.store.transaction(work);
    }
    const insertOperator = (values: Partial<Parameters<StoreTransaction["operators"]["insert"]>[0]> = {}) =>
      change((transaction) => transaction.operators.insert({ ...OPERATOR, ...values }));

    describe("an operator", () => {
      test("is read as it was written, by id, by address and by identity", async () => {
        const federated = { issuer: "https://id.example.com/", subject: "Zoë|1" };
        const zoe = await insertOperator({ federated });
        assert.deepEqual(zoe, {
          ...OPERATOR,
          id: 1,
          account: null,
          status: "active",
          federated,
          lastSignedInAtMs: null,
        });
        assert.deepEqual(await each.store.operators.find(zoe.id), zoe);
        assert.deepEqual(await each.store.operators.findByEmail("zoe@example.com"), zoe);
        await change(async (transaction) => {
          assert.deepEqual(await transaction.operators.find(zoe.id), zoe);
          assert.deepEqual(await transaction.operators.findByEmail("zoe@example.com"), zoe);
          assert.deepEqual(await transaction.operators.findByIdentity(federated), zoe);
          assert.equal(await transaction.operators.findByIdentity({ ...federated, subject: "zoë|1" }), undefined);
          assert.equal(await transaction.operators.findByIdentity({ ...federated, issuer: "" }), undefined);
        });
      });

      test("has its address in lower case, and is found by it in any case", async () => {
        const operator = await insertOperator({ email: "ÄNNE@Example.COM" });
        assert.equal(operator.email, "änne@example.com");
        assert.deepEqual(await each.store.operators.findByEmail("Änne@EXAMPLE.com"), operator);
        await change((transaction) => transaction.operators.update(operator.id, { email: "Other@Example.com" }));
        assert.equal((await each.store.operators.find(operator.id))?.email, "other@example.com");
      });

      test("has a unique address and a unique identity", async () => {
        const federated = { issuer: "https://id.example.com", subject: "1" };
        await insertOperator({ federated });
        await assert.rejects(insertOperator({ email: "ZOE@example.com" }));
        await assert.rejects(insertOperator({ email: "other@example.com", federated }));
        await insertOperator({ email: "third@example.com", federated: { ...federated, subject: "2" } });
        assert.equal(await each.store.operators.count(), 2);
      });

      test("may be limited to an existing account, and has its shortname", async () => {
        const account = await insertAccount(each.store, "acme");
        const operator = await insertOperator({ role: "viewer", accountId: account.id });
        assert.deepEqual([operator.accountId, operator.account], [account.id, "acme"]);
        assert.deepEqual(await each.store.operators.find(operator.id), operator);
        await assert.rejects(insertOperator({ email: "other@example.com", accountId: 99 as AccountId }));
        await change((transaction) => transaction.operators.update(operator.id, { accountId: null }));
        assert.equal((await each.store.operators.find(operator.id))?.account, null);
      });

      test("is changed only in the named parts", async () => {
        const zoe = await insertOperator();
        const other = await insertOperator({ email: "other@example.com" });
        const changes = [
          { role: "viewer" },
          { status: "deactivated" },
          { passwordHash: null },
          { lastSignedInAtMs: TIME_MS + 1 },
          { passwordHash: "x", status: "active" },
          {},
        ] as const;
        let expected: Operator = zoe;
        for (const values of changes) {
          await change((transaction) => transaction.operators.update(zoe.id, values));
          expected = { ...expected, ...values };
          assert.deepEqual(await each.store.operators.find(zoe.id), expected);
        }
        assert.deepEqual(await each.store.operators.find(other.id), other);
      });

      test("has one of the known roles and standings", async () => {
        await assert.rejects(insertOperator({ role: "root" as "owner" }));
        const { id } = await insertOperator();
        await assert.rejects(change((transaction) => transaction.operators.update(id, { status: "gone" as "active" })));
      });

      test("counts as an owner only where it is active and not limited to an account", async () => {
        const account = await insertAccount(each.store, "acme");
        const owners = () => change((transaction) => transaction.operators.countOwners());
        assert.equal(await owners(), 0);
        const zoe = await insertOperator();
        await insertOperator({ email: "a@example.com", accountId: account.id });
        await insertOperator({ email: "b@example.com", role: "admin" });
        const second = await insertOperator({ email: "c@example.com" });
        assert.equal(await owners(), 2);
        await change((transaction) => transaction.operators.update(second.id, { status: "deactivated" }));
        assert.equal(await owners(), 1);
        await change((transaction) => transaction.operators.update(zoe.id, { role: "admin" }));
        assert.equal(await owners(), 0);
        assert.equal(await each.store.operators.count(), 4);
        assert.equal(await change((transaction) => transaction.operators.count()), 4);
      });

      test("is found among those with access to an account if it is limited to it, or to none", async () => {
        const account = await insertAccount(each.store, "acme");
        const other = await insertAccount(each.store, "other");
        await insertOperator({ email: "all@example.com" });
        await insertOperator({ email: "acme@example.com", accountId: account.id });
        await insertOperator({ email: "other@example.com", accountId: other.id });
        const emails = async (filter: object) =>
          (await each.store.operators.page(filter, { limit: 10 })).items.map(({ email }) => email);
        assert.deepEqual(await emails({ accessTo: account.id }), ["all@example.com", "acme@example.com"]);
        assert.deepEqual(await emails({ accessTo: account.id, accountId: account.id }), ["acme@example.com"]);
      });

      test("keeps nothing of a change that was rolled back", async () => {
        await assert.rejects(
          change(async (transaction) => {
            const { id } = await transaction.operators.insert(OPERATOR);
            await transaction.recoveryCodes.replace(id, ["a"]);
            await transaction.challenges.use({ hash: "challenge", expiresAtMs: TIME_MS });
            throw new Error("changed my mind");
          }),
        );
        assert.equal(await each.store.operators.count(), 0);
        assert.equal(
          await change((transaction) => transaction.challenges.use({ hash: "challenge", expiresAtMs: TIME_MS })),
          true,
        );
      });
    });

    describe("a session", () => {
      let zoe: Operator;
      beforeEach(async () => {
        zoe = await insertOperator();
      });
      const SESSION = {
        method: "passkey",
        createdAtMs: TIME_MS,
        lastSeenAtMs: TIME_MS,
        userAgent: "Mozilla/5.0 — 🦊",
        address: "2001:db8::1",
        authenticatedAtMs: TIME_MS,
      } as const;
      const insertSession = (secretHash: string, operatorId = zoe.id, values: Partial<Session> = {}) =>
        change((transaction) => transaction.sessions.insert({ ...SESSION, operatorId, secretHash, ...values }));

      test("is read as it was written, with its operator as that is now", async () => {
        const session = await insertSession("a");
        assert.deepEqual(session, { ...SESSION, id: 1, operatorId: zoe.id, secretHash: "a" });
        assert.deepEqual(await each.store.sessions.find("a"), { session, operator: zoe });
        await change((transaction) => transaction.operators.update(zoe.id, { status: "deactivated" }));
        assert.equal((await each.store.sessions.find("a"))?.operator.status, "deactivated");
        await assert.rejects(insertSession("a"), "a secret belongs to one session");
      });

      test("ends by its secret, only if it is that operator's", async () => {
        const other = await insertOperator({ email: "other@example.com" });
        await insertSession("a");
        await change((transaction) => transaction.sessions.deleteBySecret(other.id, "a"));
        assert.ok(await each.store.sessions.find("a"));
        await change((transaction) => transaction.sessions.deleteBySecret(zoe.id, "b"));
        await change((transaction) => transaction.sessions.deleteBySecret(zoe.id, "a"));
        assert.equal(await each.store.sessions.find("a"), undefined);
      });

      test("is listed for its operator alone, the newest first", async () => {
        const other = await insertOperator({ email: "other@example.com" });
        const first = await insertSession("a");
        await insertSession("b", other.id);
        const second = await insertSession("c");
        assert.deepEqual(await each.store.sessions.list(zoe.id), [second, first]);
      });

      test("moves its last use only forward, and without an event", async () => {
        const { id } = await insertSession("a");
        const seen = async (atMs: number) => {
          await each.store.sessions.touch(id, atMs);
          return (await each.store.sessions.find("a"))?.session.lastSeenAtMs;
        };
        assert.equal(await seen(TIME_MS + 5), TIME_MS + 5);
        assert.equal(await seen(TIME_MS + 4), TIME_MS + 5);
        assert.equal((await each.store.events.last()).seq, 0);
      });

      test("ends once, and only as one of its operator", async () => {
        const other = await insertOperator({ email: "other@example.com" });
        const { id } = await insertSession("a");
        const end = (operatorId: OperatorId) => change((transaction) => transaction.sessions.delete(operatorId, id));
        assert.equal(await end(other.id), false);
        assert.equal(await end(zoe.id), true);
        assert.equal(await end(zoe.id), false);
        assert.equal(await each.store.sessions.find("a"), undefined);
      });

      test("ends with all of its operator's except one", async () => {
        const other = await insertOperator({ email: "other@example.com" });
        const kept = await insertSession("a");
        await insertSession("b");
        const others = await insertSession("c", other.id);
        await change((transaction) => transaction.sessions.deleteAllOf(zoe.id, kept.id));
        assert.deepEqual(await each.store.sessions.list(zoe.id), [kept]);
        await change((transaction) => transaction.sessions.deleteAllOf(zoe.id));
        assert.deepEqual(await each.store.sessions.list(zoe.id), []);
        assert.deepEqual(await each.store.sessions.list(other.id), [others]);
      });
    });

    describe("a passkey", () => {
      let zoe: Operator;
      beforeEach(async () => {
        zoe = await insertOperator();
      });
      const publicKey = Uint8Array.from({ length: 256 }, (_, byte) => byte);
      const insertPasskey = (credentialId: string, operatorId = zoe.id) =>
        change((transaction) =>
          transaction.passkeys.insert({
            operatorId,
            credentialId,
            publicKey,
            counter: 0xffff_ffff,
            relyingParty: "localhost",
            transports: ["usb", "a\0b"],
            label: "Zoë's 🔑",
            createdAtMs: TIME_MS,
          }),
        );
      const plain = ({ publicKey: bytes, ...rest }: Passkey) => ({ ...rest, publicKey: [...bytes] });

      test("is read as it was written, byte for byte", async () => {
        const passkey = await insertPasskey("AbC_-");
        assert.deepEqual(plain(passkey), {
          id: 1,
          operatorId: zoe.id,
          credentialId: "AbC_-",
          publicKey: [...publicKey],
          counter: 0xffff_ffff,
          relyingParty: "localhost",
          transports: ["usb", "a\0b"],
          label: "Zoë's 🔑",
          createdAtMs: TIME_MS,
          lastUsedAtMs: null,
        });
        const found = await each.store.passkeys.find("AbC_-");
        assert.deepEqual(found && plain(found), plain(passkey));
        assert.equal(await each.store.passkeys.find("abc_-"), undefined);
        await assert.rejects(insertPasskey("AbC_-"), "a credential is registered once");
      });

      test("is listed for its operator alone, the oldest first", async () => {
        const other = await insertOperator({ email: "other@example.com" });
        await insertPasskey("a");
        await insertPasskey("b", other.id);
        await insertPasskey("c");
        const ids = (passkeys: readonly Passkey[]) => passkeys.map(({ credentialId }) => credentialId);
        assert.deepEqual(ids(await each.store.passkeys.list(zoe.id)), ["a", "c"]);
        assert.deepEqual(ids(await change((transaction) => transaction.passkeys.list(other.id))), ["b"]);
      });

      test("updates its counter when it is used", async () => {
        const passkey = await insertPasskey("a");
        await change((transaction) => transaction.passkeys.update(passkey.id, { counter: 7, lastUsedAtMs: TIME_MS }));
        const found = await each.store.passkeys.find("a");
        assert.deepEqual([found?.counter, found?.lastUsedAtMs, found?.label], [7, TIME_MS, passkey.label]);
      });

      test("is removed once, and only as one of its operator", async () => {
        const other = await insertOperator({ email: "other@example.com" });
        const { id } = await insertPasskey("a");
        const remove = (of: OperatorId) => change((transaction) => transaction.passkeys.delete(of, id));
        assert.equal(await remove(other.id), false);
        assert.equal(await remove(zoe.id), true);
        assert.equal(await remove(zoe.id), false);
      });
    });

    describe("a challenge", () => {
      test("is used once, over all connections", async () => {
        const other = await each.connect();
        const use = (hash: string) => (transaction: StoreTransaction) =>
          transaction.challenges.use({ hash, expiresAtMs: TIME_MS });
        assert.equal(await each.store.transaction(use("a")), true);
        assert.equal(await other.transaction(use("a")), false);
        assert.equal(await other.transaction(use("A")), true);
      });

      test("that four connections use at once is used once", async () => {
        const hashes = Array.from({ length: 10 }, (_, index) => `challenge ${index}`);
        await assertUsedOnce(each.race(4, { kind: "useChallenges", hashes }), hashes.length);
      });
    });

    describe("a recovery code", () => {
      test("is used once, by its operator alone", async () => {
        const zoe = await insertOperator();
        const other = await insertOperator({ email: "other@example.com" });
        await change(async (transaction) => {
          await transaction.recoveryCodes.replace(zoe.id, ["a", "b"]);
          await transaction.recoveryCodes.replace(other.id, ["a"]);
        });
        const use = (of: Operator, hash: string) => change((transaction) => transaction.recoveryCodes.use(of.id, hash));
        assert.equal(await use(other, "b"), false);
        assert.equal(await use(zoe, "a"), true);
        assert.equal(await use(zoe, "a"), false);
        assert.equal(await use(other, "a"), true);
        assert.equal(await each.store.recoveryCodes.count(zoe.id), 1);
        assert.equal(await each.store.recoveryCodes.count(other.id), 0);
      });

      test("is void once there are new ones", async () => {
        const { id } = await insertOperator();
        await change((transaction) => transaction.recoveryCodes.replace(id, ["a", "b"]));
        await change((transaction) => transaction.recoveryCodes.replace(id, ["b", "c", "d"]));
        assert.equal(await each.store.recoveryCodes.count(id), 3);
        assert.equal(await change((transaction) => transaction.recoveryCodes.use(id, "a")), false);
        await change((transaction) => transaction.recoveryCodes.replace(id, []));
        assert.equal(await each.store.recoveryCodes.count(id), 0);
      });

      test("that four connections use at once is used once", async () => {
        const { id } = await insertOperator();
        const hashes = Array.from({ length: 10 }, (_, index) => `code ${index}`);
        await change((transaction) => transaction.recoveryCodes.replace(id, hashes));
        await assertUsedOnce(each.race(4, { kind: "useRecoveryCodes", operatorId: id, hashes }), hashes.length);
        assert.equal(await each.store.recoveryCodes.count(id), 0);
      });
    });

    describe("the first owner", () => {
      test("is one, even if four connections each make one if there is none", async () => {
        await assertUsedOnce(each.race(4, { kind: "insertFirstOwner" }), 1);
        assert.equal(await each.store.operators.count(), 1);
      });
    });

    describe("an invitation", () => {
      const INVITATION = {
        kind: "invitation",
        email: "new@example.com",
        role: "admin",
        accountId: null,
        createdBy: "operator:zoe@example.com",
        createdAtMs: TIME_MS,
        expiresAtMs: TIME_MS + 1000,
      } as const;
      const insert = (secretHash: string, values: Partial<Omit<Invitation, "id" | "account">> = {}) =>
        change((transaction) => transaction.invitations.insert({ ...INVITATION, secretHash, ...values }));

      test("is read as it was written, by id and by secret", async () => {
        const account = await insertAccount(each.store, "acme");
        const invitation = await insert("a", { accountId: account.id });
        assert.deepEqual(invitation, {
          ...INVITATION,
          id: 1,
          secretHash: "a",
          accountId: account.id,
          account: "acme",
        });
        assert.deepEqual(await each.store.invitations.findBySecret("a"), invitation);
        await change(async (transaction) => {
          assert.deepEqual(await transaction.invitations.find(invitation.id), invitation);
          assert.deepEqual(await transaction.invitations.findBySecret("a"), invitation);
        });
        const setup = await insert("b", { kind: "setup", email: null, role: "owner" });
        assert.deepEqual([setup.email, setup.account], [null, null]);
        await assert.rejects(insert("a"), "a secret belongs to one link");
        await assert.rejects(insert("c", { kind: "other" as "setup" }));
      });

      test("is found for an address in any case until its expiry, exclusive", async () => {
        const first = await insert("a", { email: "New@Example.com" });
        const second = await insert("b", { kind: "reset" });
        await insert("c", { email: "other@example.com" });
        await insert("d", { kind: "setup", email: null });
        const openAt = (nowMs: number) =>
          change((transaction) => transaction.invitations.findFor("NEW@example.com", nowMs));
        assert.deepEqual(await openAt(TIME_MS + 999), [first, second]);
        assert.deepEqual(await openAt(TIME_MS + 1000), []);
        assert.deepEqual(await openAt(TIME_MS + 1001), []);
      });

      test("is removed once, or with all of its kind", async () => {
        const { id } = await insert("a");
        const reset = await insert("b", { kind: "reset" });
        await insert("c", { kind: "setup", email: null });
        await insert("d", { kind: "setup", email: null });
        assert.equal(await change((transaction) => transaction.invitations.delete(id)), true);
        assert.equal(await change((transaction) => transaction.invitations.delete(id)), false);
        await change((transaction) => transaction.invitations.deleteOfKind("setup"));
        assert.equal(await each.store.invitations.findBySecret("c"), undefined);
        assert.equal(await each.store.invitations.findBySecret("d"), undefined);
        assert.deepEqual(await each.store.invitations.findBySecret("b"), reset);
      });

      test("that four connections use at once is used once", async () => {
        const hashes = Array.from({ length: 5 }, (_, index) => `link ${index}`);
        for (const hash of hashes) await insert(hash);
        await assertUsedOnce(each.race(4, { kind: "useInvitations", hashes }), hashes.length);
      });
    });

    describe("an admin token", () => {
      const TOKEN = {
        role: "admin",
        accountId: null,
        createdBy: "cli:alice",
        createdAtMs: TIME_MS,
        expiresAtMs: null,
        operatorId: null,
        hostName: null,
      } as const;
      const insert = (
        name: string,
        values: Partial<Pick<AdminToken, "secretHash" | "accountId" | "expiresAtMs" | "operatorId" | "hostName">> = {},
      ) =>
        change((transaction) =>
          transaction.adminTokens.insert({ ...TOKEN, name, secretHash: `hash of ${name}`, ...values }),
        );

      test("is read as it was written, by id, by name and by secret", async () => {
        const account = await insertAccount(each.store, "acme");
        const token = await insert("ci", { accountId: account.id, expiresAtMs: TIME_MS + 1 });
        assert.deepEqual(token, {
          ...TOKEN,
          id: 1,
          name: "ci",
          secretHash: "hash of ci",
          accountId: account.id,
          account: "acme",
          expiresAtMs: TIME_MS + 1,
          revokedAtMs: null,
          lastUsedAtMs: null,
          operatorEmail: null,
        });
        assert.deepEqual(await each.store.adminTokens.findBySecret("hash of ci"), token);
        await change(async (transaction) => {
          assert.deepEqual(await transaction.adminTokens.find(token.id), token);
          assert.deepEqual(await transaction.adminTokens.findByName("ci"), token);
          assert.equal(await transaction.adminTokens.findByName("CI"), undefined);
        });
        await assert.rejects(insert("ci", { secretHash: "x" }), "a name is one token's");
        await assert.rejects(insert("other", { secretHash: "hash of ci" }), "a secret is one token's");
      });

      test("is revoked once: the first revocation's time stays", async () => {
        const { id } = await insert("ci");
        const other = await insert("other");
        await change((transaction) => transaction.adminTokens.revoke(id, TIME_MS));
        await change((transaction) => transaction.adminTokens.revoke(id, TIME_MS + 1));
        assert.equal((await each.store.adminTokens.findBySecret("hash of ci"))?.revokedAtMs, TIME_MS);
        assert.deepEqual(await each.store.adminTokens.findBySecret("hash of other"), other);
      });

      test("is found among its operator's until it is revoked, and has the operator's present address", async () => {
        const zoe = await insertOperator();
        const { id: otherId } = await insertOperator({ email: "other@example.com" });
        const bound = { operatorId: zoe.id, hostName: "laptop" };
        const [first, second] = [await insert("first", bound), await insert("second", bound)];
        await insert("unbound");
        await insert("other", { operatorId: otherId });
        assert.deepEqual([first.operatorEmail, first.hostName], ["zoe@example.com", "laptop"]);
        await change((transaction) => transaction.operators.update(zoe.id, { email: "new@example.com" }));
        const named = [first, second].map((token) => ({ ...token, operatorEmail: "new@example.com" }));
        assert.deepEqual(await change((transaction) => transaction.adminTokens.findOf(zoe.id)), named);
        assert.deepEqual(await each.store.adminTokens.listOf(zoe.id), named.toReversed());
        await change((transaction) => transaction.adminTokens.revoke(first.id, TIME_MS));
        assert.deepEqual(await each.store.adminTokens.listOf(zoe.id), named.slice(1));
        await assert.rejects(insert("absent", { operatorId: 99 as OperatorId }), "an operator exists");
      });

      test("moves its last use only forward", async () => {
        const { id } = await insert("ci");
        const used = async (atMs: number) => {
          await each.store.adminTokens.touch(id, atMs);
          return (await each.store.adminTokens.findBySecret("hash of ci"))?.lastUsedAtMs;
        };
        assert.equal(await used(5), 5);
        assert.equal(await used(4), 5);
        assert.equal(await used(6), 6);
      });
    });

    describe("a command line that waits", () => {
      const insert = (code: string, values: Partial<Omit<DeviceSignIn, "id" | "decision">> = {}) =>
        change((transaction) =>
          transaction.deviceSignIns.insert({
            deviceCodeHash: `device ${code}`,
            userCodeHash: `user ${code}`,
            hostName: "Zoë’s laptop",
            address: "192.0.2.1",
            createdAtMs: TIME_MS,
            expiresAtMs: TIME_MS + 10,
            ...values,
          }),
        );
      const find = (code: string) => each.store.deviceSignIns.findByDeviceCode(`device ${code}`);

      test("is read as it was written, by either code, with what an operator decided", async () => {
        const acme = await insertAccount(each.store, "acme");
        const { id: operatorId } = await insertOperator();
        const [a, b] = [await insert("a"), await insert("b")];
        assert.deepEqual([a.hostName, a.address, a.decision], ["Zoë’s laptop", "192.0.2.1", null]);
        assert.deepEqual(await find("a"), a);
        assert.deepEqual(await each.store.deviceSignIns.findByUserCode("user a"), a);
        assert.equal(await each.store.deviceSignIns.findByUserCode("device a"), undefined);
        const approved = { kind: "approved", operatorId, role: "admin", accountId: acme.id, lifeSeconds: 60 } as const;
        await change(async (transaction) => {
          await transaction.deviceSignIns.decide(a.id, approved);
          await transaction.deviceSignIns.decide(b.id, { kind: "denied" });
          assert.deepEqual(await transaction.deviceSignIns.findByDeviceCode("device a"), { ...a, decision: approved });
          assert.deepEqual(await transaction.deviceSignIns.findByUserCode("user b"), {
            ...b,
            decision: { kind: "denied" },
          });
        });
        await assert.rejects(insert("c", { deviceCodeHash: "device a" }), "a device code is one sign-in's");
        await assert.rejects(insert("c", { userCodeHash: "user a" }), "a user code is one sign-in's");
      });

      test("is open until its expiry, exclusive, or a decision", async () => {
        await insert("a");
        await insert("b", { address: "192.0.2.2" });
        const c = await insert("c");
        await change((transaction) => transaction.deviceSignIns.decide(c.id, { kind: "denied" }));
        const open = async (nowMs: number) => {
          const inside = await change((transaction) => transaction.deviceSignIns.listOpenAddresses(nowMs));
          assert.deepEqual(await each.store.deviceSignIns.listOpenAddresses(nowMs), inside);
          return inside.toSorted();
        };
        assert.deepEqual(await open(TIME_MS + 9), ["192.0.2.1", "192.0.2.2"]);
        assert.deepEqual(await open(TIME_MS + 10), []);
      });

      test("is removed once, or with all that its operator approved", async () => {
        const { id: operatorId } = await insertOperator();
        const [a, b] = [await insert("a"), await insert("b"), await insert("c")];
        await change((transaction) =>
          transaction.deviceSignIns.decide(b.id, {
            kind: "approved",
            operatorId,
            role: "viewer",
            accountId: null,
            lifeSeconds: 60,
          }),
        );
        assert.equal(await change((transaction) => transaction.deviceSignIns.delete(a.id)), true);
        assert.equal(await change((transaction) => transaction.deviceSignIns.delete(a.id)), false);
        await change((transaction) => transaction.deviceSignIns.deleteApprovedBy(operatorId));
        assert.deepEqual(
          [await find("a"), await find("b"), (await find("c"))?.userCodeHash],
          [undefined, undefined, "user c"],
        );
      });

      test("is removed after its expiry, and the token of a command line a month after its own", async () => {
        const { id: operatorId } = await insertOperator();
        for (const offset of [-1, 0, 1]) {
          await insert(`${offset}`, { expiresAtMs: 1_000_000 + offset });
          await change((transaction) =>
            transaction.adminTokens.insert({
              name: `${offset}`,
              secretHash: `${offset}`,
              role: "viewer",
              accountId: null,
              createdBy: "operator:zoe@example.com",
              createdAtMs: 1,
              expiresAtMs: 1_000_000 + offset,
              operatorId,
              hostName: offset === 1 ? null : "laptop",
            }),
          );
        }
        const remove = (seconds: number) =>
          each.store.removeExpired({ ...expiredBefore(0), expiredBeforeSeconds: seconds }, 10);
        assert.equal(await remove(1000), 1);
        assert.deepEqual([await find("-1"), (await find("0"))?.userCodeHash], [undefined, "user 0"]);
        assert.equal(await remove(1000 + 30 * 86_400), 3);
        assert.equal(await each.store.adminTokens.findBySecret("-1"), undefined);
        assert.equal((await each.store.adminTokens.findBySecret("0"))?.name, "0");
        await remove(1000 + 31 * 86_400);
        assert.equal(await each.store.adminTokens.findBySecret("0"), undefined);
        assert.equal((await each.store.adminTokens.findBySecret("1"))?.name, "1", "no command line's token stays");
      });
    });

    describe("a remembered creation", () => {
      const CREATION: RememberedCreation = {
        principal: "admin-token:ci",
        keyHash: "key",
        requestHash: "request",
        subject: "user:7",
        createdAtMs: TIME_MS,
      };

      test("is found by its author and key, and is remembered once", async () => {
        await change((transaction) => transaction.creations.insert(CREATION));
        await change(async (transaction) => {
          assert.deepEqual(await transaction.creations.find("admin-token:ci", "key"), CREATION);
          assert.equal(await transaction.creations.find("admin-token:other", "key"), undefined);
          assert.equal(await transaction.creations.find("admin-token:ci", "other"), undefined);
        });
        await assert.rejects(change((transaction) => transaction.creations.insert(CREATION)));
        const others = { ...CREATION, principal: "operator:zoe@example.com" };
        await change((transaction) => transaction.creations.insert(others));
      });
    });

    test("what doesn't or can't exist is undefined, empty or false, not an error", async () => {
      const { id } = await insertOperator();
      for (const text of NO_TEXTS) {
        assert.equal(await each.store.operators.findByEmail(text), undefined);
        assert.equal(await each.store.sessions.find(text), undefined);
        assert.equal(await each.store.passkeys.find(text), undefined);
        assert.equal(await each.store.invitations.findBySecret(text), undefined);
        assert.equal(await each.store.adminTokens.findBySecret(text), undefined);
        assert.equal(await each.store.deviceSignIns.findByDeviceCode(text), undefined);
        assert.equal(await each.store.deviceSignIns.findByUserCode(text), undefined);
        await change(async (transaction) => {
          assert.equal(await transaction.operators.findByEmail(text), undefined);
          assert.equal(await transaction.operators.findByIdentity({ issuer: text, subject: text }), undefined);
          assert.equal(await transaction.invitations.findBySecret(text), undefined);
          assert.deepEqual(await transaction.invitations.findFor(text, 0), []);
          assert.equal(await transaction.adminTokens.findByName(text), undefined);
          assert.equal(await transaction.creations.find(text, text), undefined);
          assert.equal(await transaction.recoveryCodes.use(id, text), false);
        });
      }
      for (const none of NO_IDS) {
        assert.equal(await each.store.operators.find(none as OperatorId), undefined);
        assert.deepEqual(await each.store.sessions.list(none as OperatorId), []);
        assert.deepEqual(await each.store.passkeys.list(none as OperatorId), []);
        assert.equal(await each.store.recoveryCodes.count(none as OperatorId), 0);
        await change(async (transaction) => {
          assert.equal(await transaction.operators.find(none as OperatorId), undefined);
          assert.equal(await transaction.sessions.delete(id, none as SessionId), false);
          assert.equal(await transaction.passkeys.delete(id, none as PasskeyId), false);
          assert.equal(await transaction.invitations.delete(none as InvitationId), false);
          assert.equal(await transaction.invitations.find(none as InvitationId), undefined);
          assert.equal(await transaction.adminTokens.find(none as AdminTokenId), undefined);
          assert.deepEqual(await transaction.adminTokens.findOf(none as OperatorId), []);
          assert.equal(await transaction.deviceSignIns.delete(none as DeviceSignInId), false);
          assert.equal(await transaction.recoveryCodes.use(none as OperatorId, "a"), false);
        });
      }
    });

    describe("removing what has ended", () => {
      const remove = (before: Partial<ExpiryBounds>, limit = 10) =>
        each.store.removeExpired({ ...expiredBefore(0), ...before }, limit);
      const offsets = [-1, 0, 1] as const;

      test("removes challenges that expired before a given time, up to a limit, and keeps the rest", async () => {
        const use = (offset: number) =>
          change((transaction) => transaction.challenges.use({ hash: `${offset}`, expiresAtMs: 1_000_000 + offset }));
        for (const offset of [...offsets, -2]) await use(offset);
        assert.equal(await remove({ expiredBeforeSeconds: 1000 }, 1), 1);
        assert.equal(await remove({ expiredBeforeSeconds: 1000 }), 1);
        assert.equal(await remove({ expiredBeforeSeconds: 1000 }), 0);
        assert.deepEqual(await Promise.all([use(-1), use(0), use(1)]), [true, false, false]);
      });

      test("removes creations from before a given time, and keeps the rest", async () => {
        const creation = { principal: "p", requestHash: "r", subject: "user:1" };
        await change(async (transaction) => {
          for (const offset of offsets) {
            await transaction.creations.insert({ ...creation, keyHash: `${offset}`, createdAtMs: TIME_MS + offset });
          }
        });
        assert.equal(await remove({ creationsBeforeMs: TIME_MS }), 1);
        await change(async (transaction) => {
          assert.equal(await transaction.creations.find("p", "-1"), undefined);
          assert.equal((await transaction.creations.find("p", "0"))?.createdAtMs, TIME_MS);
          assert.equal((await transaction.creations.find("p", "1"))?.createdAtMs, TIME_MS + 1);
        });
      });

      test("removes attempts to sign in whose window has ended, and keeps the rest", async () => {
        for (const offset of offsets) await each.store.signInAttempts.count(`${offset}`, 0, 5000 + offset);
        assert.equal(await remove({ expiredBeforeSeconds: 5 }), 1);
        assert.deepEqual(await each.store.signInAttempts.count("0", 4000, 1000), { failures: 2, endsAtMs: 5000 });
      });

      test("removes sessions that began, or were last used, before a given time, and keeps the rest", async () => {
        const { id: operatorId } = await insertOperator();
        const session = { operatorId, method: "password", userAgent: "", address: "", authenticatedAtMs: 0 } as const;
        await change(async (transaction) => {
          for (const offset of offsets) {
            const at = { createdAtMs: 1000 + offset, lastSeenAtMs: 5000 };
            await transaction.sessions.insert({ ...session, ...at, secretHash: `begun ${offset}` });
            const seen = { createdAtMs: 2000, lastSeenAtMs: 3000 + offset };
            await transaction.sessions.insert({ ...session, ...seen, secretHash: `seen ${offset}` });
          }
        });
        assert.equal(await remove({ sessionsBegunBeforeMs: 1000 }), 1);
        assert.equal(await remove({ sessionsSeenBeforeMs: 3000 }), 1);
        const left = (await each.store.sessions.list(operatorId)).map(({ secretHash }) => secretHash);
        assert.deepEqual(left.toSorted(byText), ["begun 0", "begun 1", "seen 0", "seen 1"]);
      });

      test("removes invitations a day after their expiry, and keeps the rest", async () => {
        const DAY_MS = 86_400_000;
        await change(async (transaction) => {
          for (const offset of offsets) {
            await transaction.invitations.insert({
              kind: "invitation",
              secretHash: `${offset}`,
              email: "new@example.com",
              role: "viewer",
              accountId: null,
              createdBy: "cli:alice",
              createdAtMs: 1,
              expiresAtMs: 1_000_000 + offset,
            });
          }
        });
        assert.equal(await remove({ expiredBeforeSeconds: 1000 }), 0);
        assert.equal(await remove({ expiredBeforeSeconds: 1000 + DAY_MS / 1000 }), 1);
        assert.equal(await each.store.invitations.findBySecret("-1"), undefined);
        assert.ok((await each.store.invitations.findBySecret("0")) !== undefined);
      });
    });

    test("everything survives closing and reopening the store", async () => {
      const zoe = await insertOperator();
      await change((transaction) => transaction.recoveryCodes.replace(zoe.id, ["a"]));
      await each.reopen();
      assert.deepEqual(await each.store.operators.findByEmail(zoe.email), zoe);
      assert.equal(await each.store.recoveryCodes.count(zoe.id), 1);
    });

    test("a closed store rejects every call, and doesn't throw synchronously", async () => {
      const closed = await each.connect();
      await each.disconnect(closed);
      for (const ask of [
        () => closed.operators.find(1 as OperatorId),
        () => closed.operators.findByEmail("a"),
        () => closed.operators.count(),
        () => closed.sessions.find("a"),
        () => closed.sessions.touch(1 as SessionId, 1),
        () => closed.adminTokens.findBySecret("a"),
        () => closed.adminTokens.touch(1 as AdminTokenId, 1),
        () => closed.users.page({}, "newest", 0, { limit: 1 }),
        () => closed.events.page({}, { limit: 1 }),
        () => closed.usage.liveTokens({}, 0, 1),
      ]) {
        let answer: unknown;
        assert.doesNotThrow(() => {
          answer = ask();
        });
        await assert.rejects(answer as Promise<unknown>);
      }
    });
  });
}

/** Asserts that exactly one of the racing uses of each thing was the first. */
async function assertUsedOnce(racing: Promise<readonly string[][]>, things: number): Promise<void> {
  const outcomes = await racing;
  for (let thing = 0; thing < things; thing++) {
    const words = outcomes.map((steps) => steps[thing] ?? "missing").toSorted(byText);
    assert.deepEqual(words, [...Array<string>(outcomes.length - 1).fill("again"), "first"]);
  }
}

function byText(a: string, b: string): number {
  return a < b ? -1 : 1;
}
