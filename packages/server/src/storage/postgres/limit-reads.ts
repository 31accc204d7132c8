import type { SqlStore } from "../sql-store.ts";
import { startDeadline } from "../deadline.ts";
import { storeUnavailable } from "../store-unavailable.ts";

/** How long a request waits for its reads, in milliseconds. If the database hangs, clients must get a 503 before they give up. */
const REQUEST_READ_MS_MAX = 2000;

/**
 * Wraps a store: reads that decide a request, or whether the node is ready, get a deadline, which includes the wait for a
 * connection. Lists and reports may take longer. After the deadline, the statement runs on until its own limit, and its result is
 * ignored.
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
