import { type Author, type ChangeTx, unrestrictedAuthor } from "../core/change/change-tx.ts";
import { createCommit } from "../core/change/commit.ts";
import { type ApplyDependencies, applyRegistry } from "../core/declared-state/apply-registry.ts";
import { exportRegistry } from "../core/declared-state/export-registry.ts";
import { formatJson, formatYaml } from "../core/declared-state/format-document.ts";
import { parseRegistryDocument } from "../core/declared-state/parse-document.ts";
import { type Plan, planRegistry } from "../core/declared-state/plan.ts";
import type { MadeSecret } from "../core/declared-state/step.ts";
import { createAdmitKey } from "../core/keys/admit-key.ts";
import { createKeyExaminer } from "../core/keys/weakness/key-examiner.ts";
import type { Store } from "../core/store/store.ts";
import type { Clock } from "../core/surroundings.ts";
import { createSystemRandom } from "../platform/random.ts";
import { TEST_MASTER_SECRET } from "./test-signing-keys.ts";

const AUTHOR = unrestrictedAuthor("test");

/** Declared state on a store, as the product composes it. No name server is asked. */
export interface TestDeclaredState {
  /** The registry as a document. */
  export(shortname?: string): Promise<Record<string, unknown>>;
  exportYaml(): Promise<string>;
  plan(document: unknown, options?: { prune?: boolean; author?: Author }): Promise<Plan>;
  /** What differs, a line for each change: `create user acme/demo`. */
  differences(document: unknown, options?: { prune?: boolean; author?: Author }): Promise<readonly string[]>;
  apply(
    document: unknown,
    options?: { prune?: boolean; author?: Author; onPlan?: (plan: Plan) => void | Promise<void> },
  ): Promise<{ readonly count: number; readonly secrets: readonly MadeSecret[] }>;
  commit<Result>(work: (tx: ChangeTx) => Promise<Result>, author?: Author): Promise<Result>;
}

/** @param changed dependencies in place of the usual ones */
export function testDeclaredState(
  store: Store,
  clock: Clock,
  changed: Partial<ApplyDependencies> = {},
): TestDeclaredState {
  const random = createSystemRandom();
  const policy = changed.policy ?? { keyAgeMaxMs: null, weakKeysStayOff: false };
  const commit = createCommit(store, clock, undefined, policy);
  const dependencies: ApplyDependencies = {
    store,
    commit,
    commitWithoutView: commit,
    admitKey: createAdmitKey(
      createKeyExaminer(() => false),
      store,
    ),
    policy,
    keyProof: "optional",
    unnamedProxy: undefined,
    random,
    yieldToEventLoop: () => Promise.resolve(),
    webhookSender: { findUrlProblem: () => Promise.resolve(undefined) },
    webhookSecretSource: () => Promise.resolve({ masterSecret: TEST_MASTER_SECRET, random }),
    clock,
    ...changed,
  };
  const state: TestDeclaredState = {
    async export(shortname) {
      const account = shortname === undefined ? undefined : await store.accounts.find(shortname);
      const exported = await exportRegistry({ store }, { account, hasOperators: true }, clock.wallMs());
      return JSON.parse(await textOf(formatJson(exported))) as Record<string, unknown>;
    },
    exportYaml: async () => textOf(formatYaml(await exportRegistry({ store }, { hasOperators: true }, clock.wallMs()))),
    plan: (document, { prune = false, author = AUTHOR } = {}) =>
      planRegistry(dependencies, parseRegistryDocument(document), { prune, author, nowMs: clock.wallMs() }),
    differences: async (document, options) =>
      (await state.plan(document, options)).steps.map(({ action, kind, name }) => `${action} ${kind} ${name}`),
    async apply(document, { prune = false, author = AUTHOR, onPlan = () => undefined } = {}) {
      const secrets: MadeSecret[] = [];
      const onSecret = (secret: MadeSecret) => void secrets.push(secret);
      const registry = parseRegistryDocument(document);
      const { count } = await applyRegistry(dependencies, registry, { author, prune, onPlan, onSecret });
      return { count, secrets };
    },
    commit: async (work, author = AUTHOR) => (await commit(work, { author })).result,
  };
  return state;
}

async function textOf(pieces: AsyncIterable<string>): Promise<string> {
  let text = "";
  for await (const piece of pieces) text += piece;
  return text;
}
