import { createHash } from "node:crypto";
import { createProducts } from "../keys/weakness/shared-prime.ts";
import type { DeclaredRegistry } from "./model.ts";
import { documentRefusal } from "./parse-document.ts";
import { planAccounts } from "./plan-accounts.ts";
import { planOperators } from "./plan-operators.ts";
import { planResourceServers } from "./plan-resource-servers.ts";
import { planWebhooks } from "./plan-webhooks.ts";
import { addProblem, type PlanDependencies, type Planning, type PlanOptions } from "./planning.ts";
import type { Step } from "./step.ts";

/** How the registry differs from a document, in the order in which it is changed. */
export interface Plan {
  readonly steps: readonly Step[];
  /** What the document says and no step does, as sentences without a capital and a full stop. */
  readonly notes: readonly string[];
}

/**
 * Compares the registry with a document. It changes nothing, but examines each new key. The registry's users are read by pages.
 *
 * @throws {Refusal} `field_invalid` with every problem: a registry that the document can't describe
 */
export async function planRegistry(
  dependencies: PlanDependencies,
  registry: DeclaredRegistry,
  options: PlanOptions,
): Promise<Plan> {
  const existing = (await dependencies.store.accounts.list()).filter(
    ({ shortname }) => registry.account === undefined || registry.account === shortname,
  );
  const declaredAccounts = registry.accounts ?? [];
  const planning: Planning = {
    ...dependencies,
    ...options,
    registry,
    shortnames: new Set([...existing, ...declaredAccounts].map(({ shortname }) => shortname)),
    steps: [],
    prunes: [],
    notes: [],
    thumbprints: new Map(),
    newModuli: createProducts(Number.POSITIVE_INFINITY),
    newKeys: 0,
    parsedKeys: 0,
    problems: [...registry.problems],
  };
  const only = existing.find(({ shortname }) => shortname === registry.account);
  if (registry.account !== undefined && !planning.shortnames.has(registry.account)) {
    addProblem(planning, "/account", "There is no account of that name.");
    throw documentRefusal(planning.problems);
  }
  if (registry.accounts !== undefined) await planAccounts(planning, registry.accounts, existing);
  if (registry.resourceServers !== undefined) await planResourceServers(planning, registry.resourceServers);
  if (registry.webhooks !== undefined) await planWebhooks(planning, registry.webhooks, only?.id);
  if (registry.operators !== undefined) await planOperators(planning, registry.operators);
  if (planning.problems.length > 0) throw documentRefusal(planning.problems);
  return { steps: [...planning.steps, ...planning.prunes], notes: planning.notes };
}

/** A plan as JSON: what differs, and how much. It holds no secret. */
export function planJson({ steps, notes }: Plan) {
  const count = (...actions: readonly Step["action"][]) =>
    steps.filter(({ action }) => actions.includes(action)).length;
  return {
    changes: steps.map(({ action, kind, name, changes, isPruned }) => ({
      action,
      kind,
      name,
      changes,
      pruned: isPruned,
    })),
    summary: { create: count("create"), change: count("change"), switch_off: count("deactivate", "revoke") },
    notes,
  };
}

/** A strong entity tag of a plan: two plans with the same tag make the same changes. */
export function planTag(plan: Plan): string {
  const { changes } = planJson(plan);
  return `"${createHash("sha256").update(JSON.stringify(changes)).digest("base64url").slice(0, 22)}"`;
}
