import { SYSTEM } from "../change/change-tx.ts";
import type { Commit } from "../change/commit.ts";
import type { Event } from "../feed/event.ts";
import type { Operator, OperatorId, SignInMethod } from "./model.ts";

/** How often refused sign-ins are written to the audit log, in milliseconds. */
export const REFUSED_FLUSH_MS = 60_000;

/** The most events that one flush writes; one event sums up the operators beyond that. */
export const REFUSED_EVENTS_MAX = 20;

/** A refused attempt to sign in. It holds nothing that was typed: an e-mail address may be a password in the wrong field. */
export interface RefusedSignIn {
  /** The operator whom the attempt named; `undefined` if there is none. */
  readonly operator: Pick<Operator, "id" | "email" | "accountId"> | undefined;
  readonly method: SignInMethod;
  readonly address: string;
}

/**
 * Refused sign-ins for the audit log. A minute's attempts for one operator make one event, and those for unknown addresses another:
 * so a stranger can't fill the log. A process that is killed loses its last minute.
 */
export interface RefusedSignIns {
  /** Doesn't write, so that a refusal takes as long whether or not there is such an operator. */
  note(refused: RefusedSignIn): void;
  flush(): Promise<void>;
}

interface Tally {
  readonly operator: RefusedSignIn["operator"];
  attempts: number;
  readonly methods: Set<SignInMethod>;
  readonly firstAddress: string;
  hasOtherAddresses: boolean;
}

/** @param commit must not wait for anything after the commit: if such a wait failed, the events would be written again */
export function createRefusedSignIns(commit: Commit): RefusedSignIns {
  /** By operator, of whom there are few; 0 stands for unknown addresses. */
  let tallies = new Map<OperatorId | 0, Tally>();

  function add(into: Map<OperatorId | 0, Tally>, key: OperatorId | 0, tally: Tally): void {
    const before = into.get(key);
    if (before === undefined) {
      into.set(key, tally);
      return;
    }
    before.attempts += tally.attempts;
    before.hasOtherAddresses ||= tally.hasOtherAddresses || tally.firstAddress !== before.firstAddress;
    for (const method of tally.methods) before.methods.add(method);
  }

  return {
    note({ operator, method, address }) {
      add(tallies, operator?.id ?? 0, {
        operator,
        attempts: 1,
        methods: new Set([method]),
        firstAddress: address,
        hasOtherAddresses: false,
      });
    },

    async flush() {
      if (tallies.size === 0) return;
      const taken = tallies;
      tallies = new Map();
      const most = [...taken.values()].toSorted((a, b) => b.attempts - a.attempts);
      const [shown, rest] = [most.slice(0, REFUSED_EVENTS_MAX - 1), most.slice(REFUSED_EVENTS_MAX - 1)];
      const events = [...shown, ...sumOf(rest)].map(toEvent);
      try {
        await commit(
          async (tx) => {
            for (const event of events) await tx.append(event);
          },
          { author: SYSTEM },
        );
      } catch (error) {
        for (const [key, tally] of taken) add(tallies, key, tally);
        throw error;
      }
    },
  };
}

/** Sums up several tallies as one; a single tally stays as it is. */
function sumOf(tallies: readonly Tally[]): readonly Tally[] {
  const [first, ...others] = tallies;
  if (first === undefined || others.length === 0) return tallies;
  return [
    {
      operator: undefined,
      attempts: tallies.reduce((sum, { attempts }) => sum + attempts, 0),
      methods: new Set(tallies.flatMap(({ methods }) => [...methods])),
      firstAddress: first.firstAddress,
      hasOtherAddresses: true,
    },
  ];
}

function toEvent({ operator, attempts, methods, firstAddress, hasOtherAddresses }: Tally): Event {
  return {
    action: "operator.sign_in_refused",
    operatorId: operator?.id ?? "unknown",
    ...(operator !== undefined && { email: operator.email, accountId: operator.accountId }),
    attempts,
    methods: [...methods].toSorted().join(", "),
    address: firstAddress,
    otherAddresses: hasOtherAddresses,
  };
}
