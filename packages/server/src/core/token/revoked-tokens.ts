import { createCacheReads } from "../feed/cache-reads.ts";
import type { RecordedEvent } from "../feed/event.ts";
import type { FeedFollower } from "../feed/follow-feed.ts";
import type { Store } from "../store/store.ts";
import { createDenyList } from "./deny-list.ts";
import { formatTokenId, parseTokenId, type TokenIdentity } from "./token-identity.ts";

/** How many revoked tokens are read at once. */
const TOKENS_PER_READ = 10_000;

/** The tokens that were revoked one by one, all of them in memory. */
export interface RevokedTokens {
  /**
   * Was this very token revoked? A yes comes from memory at any time, since a token stays revoked. While the feed isn't fresh, a
   * no comes from the store.
   *
   * @throws {Refusal} `unavailable` if the store has to be asked and can't be
   */
  isTokenRevoked(token: TokenIdentity): boolean | Promise<boolean>;
  /** Forgets revoked tokens that expired before this. */
  forgetExpiredTokens(beforeSeconds: number): void;
  figures(): { readonly misses: number; readonly revokedTokens: number };
}

/** Reads the store's revoked tokens, and from then on takes new ones from the feed. */
export async function openRevokedTokens(
  store: Pick<Store, "revokedTokens">,
  feed: Pick<FeedFollower, "isFresh" | "subscribe">,
): Promise<RevokedTokens> {
  const denyList = createDenyList();
  const reads = createCacheReads<string, boolean>(feed);

  // Before the reading: what is revoked meanwhile comes as an event.
  feed.subscribe({
    onEvents(events) {
      reads.discard();
      for (const { event } of events) {
        const token = revokedToken(event);
        if (token !== undefined) denyList.add(token);
      }
    },
    prepareReset: readAll,
    onReset() {
      reads.discard();
    },
  });
  await readAll();

  /** Also what has expired by this machine's clock: right after a start that may be wrong. */
  async function readAll(): Promise<void> {
    for (let after = 0; ; ) {
      const { tokens, next } = await store.revokedTokens.list(0, after, TOKENS_PER_READ);
      if (tokens.length === 0) return;
      for (const token of tokens) denyList.add(token);
      after = next;
    }
  }

  return {
    isTokenRevoked(token) {
      if (denyList.has(token)) return true;
      if (feed.isFresh()) return false;
      return reads.read(
        formatTokenId(token),
        () => store.revokedTokens.has(token),
        () => undefined,
      );
    },
    forgetExpiredTokens: (beforeSeconds) => {
      denyList.forgetExpired(beforeSeconds);
    },
    figures: () => ({ misses: reads.misses(), revokedTokens: denyList.size }),
  };
}

/** An event of another version whose subject is a token counts as a revocation. */
function revokedToken(event: RecordedEvent): TokenIdentity | undefined {
  if (event.action === "token.revoked") return parseTokenId(event.jti);
  if (event.action !== "unknown") return undefined;
  const { subject } = event.row;
  return subject.startsWith("token:") ? parseTokenId(subject.slice("token:".length)) : undefined;
}
