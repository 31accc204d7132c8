import type { Policy } from "../change/change-tx.ts";
import type { KeyProofPolicy } from "../key-statements/key-proofs.ts";
import type { AdmitKey } from "../keys/admit-key.ts";
import type { Products } from "../keys/weakness/shared-prime.ts";
import type { Grant } from "../operators/model.ts";
import { type FieldProblem, Refusal } from "../refusal.ts";
import type { Store } from "../store/store.ts";
import type { Random } from "../surroundings.ts";
import type { SecretSource } from "../webhooks/changes.ts";
import type { WebhookSender } from "../webhooks/send.ts";
import type { DeclaredRegistry } from "./model.ts";
import { reportProblem } from "./parse-document.ts";
import type { Step } from "./step.ts";

/** What comparing a document with the registry needs. */
export interface PlanDependencies {
  readonly store: Pick<
    Store,
    "accounts" | "users" | "keys" | "resourceServers" | "webhooks" | "operators" | "invitations"
  >;
  readonly admitKey: AdmitKey;
  readonly policy: Policy;
  readonly keyProof: KeyProofPolicy;
  /** Why clients' addresses aren't known, as the end of a sentence; `undefined` if they are. */
  readonly unnamedProxy: string | undefined;
  readonly random: Random;
  /** Awaited between the parts of a long comparison, so that a server can answer requests. */
  readonly yieldToEventLoop: () => Promise<void>;
  readonly webhookSender: Pick<WebhookSender, "findUrlProblem">;
  /** Called only before a new webhook endpoint is created. */
  readonly webhookSecretSource: () => Promise<SecretSource>;
}

export interface PlanOptions {
  readonly author: Grant & { readonly actor: string };
  /** Switch off what the document's lists don't mention? */
  readonly prune: boolean;
  readonly nowMs: number;
}

/** A plan that is being made. */
export interface Planning extends PlanDependencies, PlanOptions {
  readonly registry: DeclaredRegistry;
  /** Shortnames of the accounts that exist when the plan was carried out. */
  readonly shortnames: Set<string>;
  /** In the order in which they run. */
  readonly steps: Step[];
  /** Run after all others: what is new works before what is old stops. */
  readonly prunes: Step[];
  readonly notes: string[];
  /** Where the document mentions each key, by its thumbprint. */
  readonly thumbprints: Map<string, string>;
  /** The moduli of keys to add. */
  readonly newModuli: Products;
  newKeys: number;
  /** How many keys' texts were parsed. */
  parsedKeys: number;
  readonly problems: FieldProblem[];
}

/** Adds a problem; see {@link reportProblem}. @param at a JSON pointer */
export function addProblem({ problems }: Planning, at: string, message: string): void {
  reportProblem(problems, at, message);
}

/** Runs a check, and makes a problem of what it refuses. @returns `undefined` if it refused */
export async function attempt<Value>(
  planning: Planning,
  at: string,
  check: () => Value | Promise<Value>,
): Promise<Value | undefined> {
  try {
    return await check();
  } catch (error) {
    // A store that can't be reached, or an examiner that doesn't work, is no fault of the document.
    if (!(error instanceof Refusal) || error.code === "unavailable") throw error;
    const weakness = error.detail.weakness === undefined ? "" : ` (${error.code}: ${error.detail.weakness})`;
    addProblem(planning, at, error.message + weakness);
    return undefined;
  }
}

/**
 * An empty list of a whole section is more likely an accident of a template than the wish to switch off everything.
 *
 * @param count how many would be switched off
 */
export function refuseToPruneAll(
  planning: Planning,
  section: string,
  declared: readonly unknown[],
  count: number,
): void {
  if (declared.length > 0 || count === 0) return;
  addProblem(
    planning,
    `/${section}`,
    `The list is empty, and pruning would switch off all ${count} that exist. Leave the list out, or name them with the status deactivated.`,
  );
}
