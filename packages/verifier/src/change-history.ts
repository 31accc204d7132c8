import type { RevocationReason } from "./caller.ts";
import type { Change } from "./parse-change.ts";

/** What a change may concern of a token. */
export interface Subject {
  readonly account: string;
  readonly username: string;
  readonly keyId: number;
  /** The `jti` of introspection. */
  readonly tokenId: string;
}

/**
 * Where an answer stands in the feed's history: it reflects everything up to the position, in the numbering of one epoch.
 * A new epoch begins where the feed can't say what happened in between; positions of two epochs can't be compared.
 */
export interface Mark {
  readonly epoch: number;
  readonly position: number;
}

/**
 * Whether an answer still holds, as far as the feed was heard.
 *
 * - `current`: nothing that concerns it was heard after it. It may be kept, and shared with requests that began later.
 * - `overtaken`: something was. Ask again.
 * - `unknown`: it is older than what this verifier has heard of the feed. Good for the request that asked, for no other.
 */
export type Currency = "current" | "overtaken" | "unknown";

/**
 * What the change feed has told, in the form in which it decides about answers.
 *
 * Nothing is ever evicted: an answer carries its position, each subject the position of the last change that concerned it,
 * and both are compared at each use. So it makes no difference whether an answer was kept before a change was heard, was
 * under way just then, or came later from a node that hadn't heard of it yet.
 */
export interface ChangeHistory {
  readonly epoch: number;
  /** The last position heard; `undefined` before the first. */
  readonly position: number | undefined;
  /** The feed has nothing beyond this position. */
  hearSync(position: number): void;
  hearChange(position: number, change: Change): void;
  /** The feed can't tell what lies before this position. */
  hearReset(position: number): void;
  /** What was heard can't be relied on: the next position begins a new epoch. */
  forget(): void;
  judgeActive(subject: Subject, mark: Mark): Currency;
  judgeInactive(mark: Mark): Currency;
  /**
   * Why the feed says that a token of this subject is revoked, if it does. Of several reasons the first in the service's own
   * order: the one that keeps the client from getting another token.
   */
  findRevocation(subject: Subject): RevocationReason | undefined;
}

/** The last change of a subject. */
interface LastChange {
  readonly position: number;
  readonly isOff: boolean;
}

/** How many subjects are remembered with the positions of their changes. Beyond that, everything counts as changed. */
export const SUBJECTS_MAX = 20_000;

export function createChangeHistory(subjectsMax = SUBJECTS_MAX): ChangeHistory {
  const accounts = new Map<string, LastChange>();
  const users = new Map<string, LastChange>();
  const keys = new Map<number, LastChange>();
  const tokens = new Map<string, LastChange>();
  let epoch = 0;
  let position: number | undefined;
  /** What happened up to here wasn't heard. */
  let startPosition = 0;
  /** Answers from before this position are overtaken, whomever they are about. */
  let everythingChangedAt = -1;
  /** The last change by which a token may have become good. */
  let lastActivationAt = -1;

  /** A new epoch; its first position is yet to be heard. */
  function forget(): void {
    epoch++;
    position = undefined;
    clearSubjects();
    everythingChangedAt = -1;
    lastActivationAt = -1;
  }

  function start(newPosition: number): void {
    position = newPosition;
    startPosition = newPosition;
  }

  function begin(newPosition: number): void {
    forget();
    start(newPosition);
  }

  function clearSubjects(): void {
    for (const map of [accounts, users, keys, tokens]) map.clear();
  }

  function isOvertaken({ account, username, keyId, tokenId }: Subject, at: number): boolean {
    const isLater = (change: LastChange | undefined) => change !== undefined && change.position > at;
    return (
      everythingChangedAt > at ||
      isLater(keys.get(keyId)) ||
      isLater(users.get(username)) ||
      isLater(accounts.get(account)) ||
      isLater(tokens.get(tokenId))
    );
  }

  return {
    get epoch() {
      return epoch;
    },
    get position() {
      return position;
    },

    hearSync(newPosition) {
      // Positions only count up. Where they don't, this is another store, such as one restored from a backup.
      if (position === undefined) start(newPosition);
      else if (newPosition < position) begin(newPosition);
      else position = newPosition;
    },

    hearChange(newPosition, { concern, mayActivate, standing }) {
      if (position === undefined) start(newPosition);
      else if (newPosition <= position) begin(newPosition);
      position = newPosition;
      if (mayActivate) lastActivationAt = newPosition;
      if (accounts.size + users.size + keys.size + tokens.size >= subjectsMax) {
        clearSubjects();
        everythingChangedAt = newPosition;
      }
      const after = (before: LastChange | undefined): LastChange => ({
        position: newPosition,
        isOff: standing === "unchanged" ? before?.isOff === true : standing === "off",
      });
      switch (concern.of) {
        case "account":
          accounts.set(concern.account, after(accounts.get(concern.account)));
          break;
        case "user":
          users.set(concern.username, after(users.get(concern.username)));
          break;
        case "key":
          keys.set(concern.keyId, after(keys.get(concern.keyId)));
          break;
        case "token":
          tokens.set(concern.tokenId, after(tokens.get(concern.tokenId)));
          break;
        case "everything":
          clearSubjects();
          everythingChangedAt = newPosition;
          break;
      }
    },

    hearReset: begin,

    forget,

    judgeActive(subject, mark) {
      if (mark.epoch !== epoch || isOvertaken(subject, mark.position)) return "overtaken";
      return position !== undefined && mark.position >= startPosition ? "current" : "unknown";
    },

    findRevocation({ account, username, keyId, tokenId }) {
      if (keys.get(keyId)?.isOff === true) return "key_deactivated";
      if (users.get(username)?.isOff === true) return "user_deactivated";
      if (accounts.get(account)?.isOff === true) return "account_deactivated";
      return tokens.get(tokenId)?.isOff === true ? "token_revoked" : undefined;
    },

    judgeInactive(mark) {
      if (mark.epoch !== epoch || lastActivationAt > mark.position) return "overtaken";
      return position !== undefined && mark.position >= startPosition ? "current" : "unknown";
    },
  };
}
