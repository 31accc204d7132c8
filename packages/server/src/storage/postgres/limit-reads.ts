import type { SqlStore } from "../sql-store.ts";
import { startDeadline } from "../deadline.ts";
import { storeUnavailable } from "../store-unavailable.ts";

/** How long a request waits for what it reads, in milliseconds: a database that hangs must be a 503 before clients give up. */
const REQUEST_READ_MS_MAX = 2000;

/**
 * The same store, in which what decides about a request, or whether the node is ready, has a deadline that the wait for a
 * connection counts towards; lists and reports may take longer. The statement itself goes on until its own limit; its answer counts
 * for nothing then.
 *
 * @throws {Refusal} (each of these reads) `unavailable` at the deadline
 */
export function limitReads(store: SqlStore, msMax = REQUEST_READ_MS_MAX): SqlStore {
  const overdue = () => storeUnavailable("read", `the database hasn't answered for ${msMax / 1000} s`);
  const limit = <Result>(read: Promise<Result>) => startDeadline(msMax, overdue).race(read);
  return {
    ...store,
    accounts: { ...store.accounts, find: (shortname) => limit(store.accounts.find(shortname)) },
    users: {
      ...store.users,
      loadRecord: (username) => limit(store.users.loadRecord(username)),
      loadRecordByKey: (keyId) => limit(store.users.loadRecordByKey(keyId)),
    },
    resourceServers: { ...store.resourceServers, load: (id) => limit(store.resourceServers.load(id)) },
    revokedTokens: { ...store.revokedTokens, has: (token) => limit(store.revokedTokens.has(token)) },
    signingKeys: { list: () => limit(store.signingKeys.list()) },
    sessions: { ...store.sessions, find: (secretHash) => limit(store.sessions.find(secretHash)) },
    adminTokens: {
      ...store.adminTokens,
      findBySecret: (secretHash) => limit(store.adminTokens.findBySecret(secretHash)),
    },
    changeMarker: () => limit(store.changeMarker()),
    clockMs: () => limit(store.clockMs()),
  };
}
