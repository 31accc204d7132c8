import type { AdminTokenId, Session, SessionId } from "./model.ts";
import type { Store } from "../store/store.ts";

/**
 * The last use of sessions and admin tokens, kept in memory and written every few seconds: a request that only reads must not wait
 * for a write. A crash loses what wasn't written yet.
 */
export interface LastSeen {
  noteSession(id: SessionId, atMs: number): void;
  noteAdminToken(id: AdminTokenId, atMs: number): void;
  /** The session with the latest use that this node knows of. */
  current(session: Session): Session;
  /** Writes what was noted since the last flush; keeps what can't be written for the next one. */
  flush(): Promise<void>;
}

export function createLastSeen(store: Pick<Store, "sessions" | "adminTokens">): LastSeen {
  const sessions = new Map<SessionId, number>();
  const adminTokens = new Map<AdminTokenId, number>();

  return {
    noteSession: (id, atMs) => void sessions.set(id, atMs),
    noteAdminToken: (id, atMs) => void adminTokens.set(id, atMs),
    current(session) {
      const lastSeenAtMs = Math.max(session.lastSeenAtMs, sessions.get(session.id) ?? 0);
      return { ...session, lastSeenAtMs };
    },
    async flush() {
      await writeAll(sessions, (id, atMs) => store.sessions.touch(id, atMs));
      await writeAll(adminTokens, (id, atMs) => store.adminTokens.touch(id, atMs));
    },
  };
}

async function writeAll<Id>(noted: Map<Id, number>, write: (id: Id, atMs: number) => Promise<void>): Promise<void> {
  for (const [id, atMs] of noted) {
    await write(id, atMs);
    // A later time may have been noted while this one was being written.
    if (noted.get(id) === atMs) noted.delete(id);
  }
}
