import type { Transaction } from "kysely";
import type { Store, StoreTransaction } from "../core/store/store.ts";
import { accountStore, accountTransaction } from "./accounts.ts";
import { adminTokenStore, adminTokenTransaction } from "./admin-tokens.ts";
import { assertionStore } from "./assertions.ts";
import { challengeTransaction } from "./challenges.ts";
import { creationTransaction } from "./creations.ts";
import { deviceSignInStore, deviceSignInTransaction } from "./device-sign-ins.ts";
import type { Connections, Engine } from "./engine.ts";
import { eventStore, eventTransaction } from "./events.ts";
import { identityStore, identityTransaction } from "./identity.ts";
import { invitationStore, invitationTransaction } from "./invitations.ts";
import { jobStore, jobTransaction } from "./jobs.ts";
import { keyAuditStore, keyAuditTransaction } from "./key-audit.ts";
import { keyNoticeStore, keyNoticeTransaction } from "./key-notices.ts";
import { keyStore, keyTransaction } from "./keys.ts";
import { nodeStore, nodeTransaction } from "./nodes.ts";
import { operatorStore, operatorTransaction } from "./operators.ts";
import { passkeyStore, passkeyTransaction } from "./passkeys.ts";
import { recoveryCodeStore, recoveryCodeTransaction } from "./recovery-codes.ts";
import { removeExpired } from "./remove-expired.ts";
import { resourceServerStore, resourceServerTransaction } from "./resource-servers.ts";
import { revokedTokenStore, revokedTokenTransaction } from "./revoked-tokens.ts";
import type { Database } from "./schema.ts";
import { sessionStore, sessionTransaction } from "./sessions.ts";
import { signInAttemptStore } from "./sign-in-attempts.ts";
import { signingKeyStore, signingKeyTransaction } from "./signing-keys.ts";
import { usageStore } from "./usage.ts";
import { userStore, userTransaction } from "./users.ts";
import { webhookStore, webhookTransaction } from "./webhooks.ts";
import { createWriter, withNamedProblems, type Write } from "./write.ts";

/** A store that gives access to its tables, for copying it. */
export interface SqlStore extends Store {
  /** Runs the work in a transaction that locks out changes. */
  withChangesLocked<Result>(work: (transaction: Transaction<Database>) => Promise<Result>): Promise<Result>;
  continueIds: Engine["continueIds"];
}

/** The storage port on a database whose schema is up to date. */
export function createSqlStore(connections: Connections, engine: Engine): SqlStore {
  const { reads: db, writes, changes } = connections;
  const writer = createWriter(connections, engine);
  const write: Write = (work) => writer.write(writes, work);
  const store: SqlStore = {
    accounts: accountStore(db),
    users: userStore(db, engine),
    keys: keyStore(db),
    usage: usageStore(db, write, engine),
    keyNotices: keyNoticeStore(db),
    keyAudit: keyAuditStore(db),
    signingKeys: signingKeyStore(db),
    nodes: nodeStore(db, write, engine),
    jobs: jobStore(db, write, engine),
    resourceServers: resourceServerStore(db),
    revokedTokens: revokedTokenStore(db),
    assertions: assertionStore(write),
    events: eventStore(db),
    operators: operatorStore(db),
    sessions: sessionStore(db, write),
    passkeys: passkeyStore(db),
    recoveryCodes: recoveryCodeStore(db),
    signInAttempts: signInAttemptStore(write),
    invitations: invitationStore(db),
    adminTokens: adminTokenStore(db, write),
    deviceSignIns: deviceSignInStore(db),
    webhooks: webhookStore(db, write),
    ...identityStore(db, write),

    engine: engine.name,
    transaction: (work) =>
      writer.write(changes, async (transaction) => {
        await engine.beginChange(transaction);
        const result = await work(storeTransaction(transaction, engine));
        await engine.endChange(transaction);
        return result;
      }),
    withChangesLocked: (work) =>
      writer.write(
        changes,
        async (transaction) => {
          await engine.beginChange(transaction);
          return work(transaction);
        },
        Infinity,
      ),
    continueIds: (transaction, table) => engine.continueIds(transaction, table),
    writeProblem: writer.problem,
    removeExpired: (before, limit) => write((transaction) => removeExpired(transaction, before, limit, engine)),
    changeMarker: () => engine.changeMarker(),
    watchChanges: (onChange) => engine.watchChanges(onChange),
    ...(engine.giveUp !== undefined && { giveUp: (problem: string) => engine.giveUp?.(problem) }),
    clockMs: async () => {
      if (engine.name === "sqlite") return undefined;
      const { now } = await db.selectNoFrom(engine.nowMs.as("now")).executeTakeFirstOrThrow();
      return now;
    },
    backup: (file) => engine.backup(file),
    close: () => engine.close(),
  };
  return withNamedProblems(store, engine.problemOf);
}

function storeTransaction(db: Transaction<Database>, engine: Engine): StoreTransaction {
  return {
    accounts: accountTransaction(db),
    users: userTransaction(db, engine),
    keys: keyTransaction(db, engine),
    keyNotices: keyNoticeTransaction(db),
    keyAudit: keyAuditTransaction(db),
    signingKeys: signingKeyTransaction(db),
    nodes: nodeTransaction(db, engine),
    jobs: jobTransaction(db, engine),
    resourceServers: resourceServerTransaction(db),
    revokedTokens: revokedTokenTransaction(db),
    events: eventTransaction(db),
    operators: operatorTransaction(db),
    sessions: sessionTransaction(db),
    passkeys: passkeyTransaction(db),
    recoveryCodes: recoveryCodeTransaction(db),
    invitations: invitationTransaction(db),
    adminTokens: adminTokenTransaction(db),
    deviceSignIns: deviceSignInTransaction(db),
    challenges: challengeTransaction(db),
    creations: creationTransaction(db),
    webhooks: webhookTransaction(db),
    ...identityTransaction(db, engine),
  };
}
