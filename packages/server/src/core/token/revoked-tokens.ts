import { createCacheReads } from "../feed/cache-reads.ts";
import type { RecordedEvent } from "../feed/event.ts";
import type { FeedFollower } from "../feed/follow-feed.ts";
import type { Store } from "../store/store.ts";
import { createDenyList } from "./deny-list.ts";
import { formatTokenId, parseTokenId, type TokenIdentity } from "./token-identity.ts";

/** How many revoked tokens are read in one query. */
const TOKENS_PER_READ = 10_000;

/** All individually revoked tokens, in memory. */
export interface RevokedTokens {
  /**
   * Was this token revoked individually? A yes always comes from memory, because a token stays revoked. While the feed isn't fresh,
   * a no comes from the store.
   *
   * @throws {Refusal} `unavailable` if the store must be read and can't be
   */
  isTokenRevoked(token: TokenIdentity): boolean | Promise<boolean>;
  /** Forgets revoked tokens that expired before this. */
  forgetExpiredTokens(beforeSeconds: number): void;
  figures(): { readonly misses: number; readonly revokedTokens: number };
}

/** Reads the store's revoked tokens, and follows the feed for new ones. */
export async function openRevokedTokens(
  store: Pick<Store, "revokedTokens">,
  feed: Pick<FeedFollower, "isFresh" | "subscribe">,
): Promise<RevokedTokens> {
  const denyList = createDenyList();
  const reads = createCacheReads<string, boolean>(feed);

  // Subscribe before reading, so that tokens revoked meanwhile arrive as events.
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

  /** Reads expired tokens too, because this machine's clock may be wrong right after a start. */
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

/** The token that an event revokes. An event of another version about a token counts as a revocation. */
function revokedToken(event: RecordedEvent): TokenIdentity | undefined {
  if (event.action === "token.revoked") return parseTokenId(event.jti);
  if (event.action !== "unknown") return undefined;
  const { subject } = event.row;
  return subject.startsWith("token:") ? parseTokenId(subject.slice("token:".length)) : undefined;
}
