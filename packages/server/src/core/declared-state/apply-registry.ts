import type { Author } from "../change/change-tx.ts";
import type { Commit } from "../change/commit.ts";
import { requireStillAuthor } from "../operators/author-rules.ts";
import { Refusal } from "../refusal.ts";
import type { Clock } from "../surroundings.ts";
import type { DeclaredRegistry } from "./model.ts";
import { type Plan, planRegistry } from "./plan.ts";
import type { PlanDependencies, PlanOptions } from "./planning.ts";
import type { MadeSecret, Step } from "./step.ts";

/** How many changes are made in one transaction, at most. */
const STEPS_PER_COMMIT = 50;

/** After this time a transaction takes no further change, in milliseconds: others want to write, and a write has a deadline. */
const COMMIT_MS = 500;

/** How often the registry is compared anew because it was changed meanwhile. */
const PLANS_MAX = 3;

export interface ApplyDependencies extends PlanDependencies {
  readonly commit: Commit;
  /** For secrets, which must not be lost because this node can't confirm the change. */
  readonly commitWithoutView: Commit;
  readonly clock: Clock;
}

export interface ApplyOptions extends Pick<PlanOptions, "prune"> {
  readonly author: Author;
  /** Called with each plan before it is carried out. @throws what ends it */
  readonly onPlan: (plan: Plan) => void | Promise<void>;
  /** Called with a secret as soon as it exists. It can't be read again. */
  readonly onSecret: (secret: MadeSecret) => void;
  /** Called after each transaction, with how many changes have been made so far. */
  readonly onProgress?: (count: number) => void;
}

/** What was done. */
export interface Applied {
  /** How many changes were made. */
  readonly count: number;
  readonly notes: readonly string[];
}

/**
 * Makes the registry what a document says, some changes in each transaction, with the events that each change has anyway. If it is
 * interrupted, applying the document again makes the rest.
 *
 * If another author changes what the plan has seen, the registry is compared anew.
 *
 * @throws {Refusal} `field_invalid` before anything is changed; what a change throws, with how many were made before it
 */
export async function applyRegistry(
  dependencies: ApplyDependencies,
  registry: DeclaredRegistry,
  { author, prune, onPlan, onSecret, onProgress }: ApplyOptions,
): Promise<Applied> {
  let count = 0;
  async function planFor(): Promise<Plan> {
    const plan = await planRegistry(dependencies, registry, { author, prune, nowMs: dependencies.clock.wallMs() });
    await onPlan(plan);
    return plan;
  }
  for (let plans = 1; ; plans++) {
    const plan = await planFor().catch((error: unknown) => {
      throw stopped(error, count);
    });
    try {
      for (let next = 0; next < plan.steps.length; ) {
        const { made, secrets } = await commitSteps(dependencies, batchOf(plan.steps, next), author);
        next += made;
        count += made;
        onProgress?.(count);
        for (const secret of secrets) onSecret(secret);
      }
      return { count, notes: plan.notes };
    } catch (error) {
      const isChanged = error instanceof Refusal && error.code === "precondition_failed";
      if (!isChanged || plans === PLANS_MAX) throw stopped(error, count);
    }
  }
}

/** Makes the first changes of a batch, one at least. @returns how many */
async function commitSteps(
  { commit, commitWithoutView, clock }: ApplyDependencies,
  steps: readonly Step[],
  author: Author,
): Promise<{ readonly made: number; readonly secrets: readonly MadeSecret[] }> {
  for (const { prepare } of steps) await prepare?.();
  const isKeptByNodes = steps.some(({ kind }) => kind !== "webhook" && kind !== "operator");
  const { result } = await (isKeptByNodes ? commit : commitWithoutView)(
    async (tx) => {
      await requireStillAuthor(tx);
      const beganMs = clock.monotonicMs();
      const secrets: MadeSecret[] = [];
      let made = 0;
      for (const step of steps) {
        const secret = await step.run(tx).catch((error: unknown) => {
          throw named(error, step);
        });
        made++;
        if (secret !== undefined) secrets.push(secret);
        if (clock.monotonicMs() - beganMs > COMMIT_MS) break;
      }
      return { made, secrets };
    },
    { author },
  );
  return result;
}

/** The next steps for one transaction. A secret's change has one of its own, so that the secret is shown as soon as it exists. */
function batchOf(steps: readonly Step[], from: number): readonly Step[] {
  const batch = steps.slice(from, from + STEPS_PER_COMMIT);
  const secret = batch.findIndex(({ makesSecret }) => makesSecret === true);
  return secret === -1 ? batch : batch.slice(0, Math.max(1, secret));
}

/** Says which change was refused. */
function named(error: unknown, { kind, name }: Step): unknown {
  if (!(error instanceof Refusal)) return error;
  // Its fields are those of a request for this change alone.
  const { fields: _, ...detail } = error.detail;
  return new Refusal(error.code, `${kind.replaceAll("_", " ")} ${name}: ${error.message}`, detail);
}

/** Says how much was done before a refusal. */
function stopped(error: unknown, count: number): unknown {
  if (!(error instanceof Refusal) || count === 0) return error;
  const done = count === 1 ? "The change before it was made" : `The ${count} changes before it were made`;
  // With fields, it would be a refusal of the whole document.
  const { fields: _, ...detail } = error.detail;
  return new Refusal(error.code, `${error.message} ${done}; apply the document again to continue.`, detail);
}
