import type { Store } from "../store/store.ts";
import type { UnchainedEvent } from "../feed/audit-chain.ts";
import type { Clock } from "../surroundings.ts";
import type { Operator, OperatorId, SignInMethod } from "./model.ts";

/** How often refused sign-ins are written into the audit log, in milliseconds. */
export const REFUSED_FLUSH_MS = 60_000;

/** The most events that one flush writes; of the operators beyond that, one event has the sum. */
export const REFUSED_EVENTS_MAX = 20;

/** An attempt to sign in that was refused. Nothing that was typed is in it: an e-mail address may be a password in the wrong field. */
export interface RefusedSignIn {
  /** Whose account it was about; `undefined` where there is none. */
  readonly operator: Pick<Operator, "id" | "email" | "accountId"> | undefined;
  readonly method: SignInMethod;
  readonly address: string;
}

/**
 * Refused sign-ins for the audit log: a minute's attempts at one operator are one event, those at nobody are another. So a stranger
 * can't fill the log, whatever they send. A process that is killed loses its last minute.
 */
export interface RefusedSignIns {
  /** Writes nothing yet, so that a refusal takes no longer where there is such an operator. */
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

export function createRefusedSignIns(store: Pick<Store, "transaction">, clock: Clock): RefusedSignIns {
  /** By operator, of whom there are few; 0 for nobody. */
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
      const events = [...shown, ...sumOf(rest)].map((tally) => toEvent(tally, clock.wallMs()));
      try {
        await store.transaction(async (transaction) => {
          for (const event of events) await transaction.events.append(event);
        });
      } catch (error) {
        for (const [key, tally] of taken) add(tallies, key, tally);
        throw error;
      }
    },
  };
}

/** One for all of them; an only one stays itself. */
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

function toEvent(
  { operator, attempts, methods, firstAddress, hasOtherAddresses }: Tally,
  atMs: number,
): UnchainedEvent {
  return {
    atMs,
    actor: "system",
    action: "operator.sign_in_refused",
    subject: operator === undefined ? "operator:unknown" : `operator:${operator.id}`,
    details: {
      ...(operator !== undefined && { email: operator.email }),
      attempts,
      methods: [...methods].toSorted().join(", "),
      address: firstAddress,
      other_addresses: hasOtherAddresses,
    },
    accountId: operator?.accountId ?? undefined,
  };
}
