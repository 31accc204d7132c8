/** Declared state in the admin API: the registry as one document. The document, its plan and its application are in core/declared-state. */
import { Readable } from "node:stream";
import type { Policy } from "../../../core/change/change-tx.ts";
import type { Commit } from "../../../core/change/commit.ts";
import { checkPreconditions } from "../../../core/change/precondition.ts";
import { type ApplyDependencies, applyRegistry } from "../../../core/declared-state/apply-registry.ts";
import { exportRegistry } from "../../../core/declared-state/export-registry.ts";
import { formatJson, formatYaml } from "../../../core/declared-state/format-document.ts";
import { documentRefusal, parseRegistryDocument } from "../../../core/declared-state/parse-document.ts";
import { type Plan, planJson, planRegistry, planTag } from "../../../core/declared-state/plan.ts";
import type { MadeSecret } from "../../../core/declared-state/step.ts";
import type { KeyProofPolicy } from "../../../core/key-statements/key-proofs.ts";
import type { AdmitKey } from "../../../core/keys/admit-key.ts";
import { canSee, requireRole } from "../../../core/operators/authorize.ts";
import type { Principal } from "../../../core/operators/model.ts";
import { requireFresh } from "../../../core/operators/sessions.ts";
import { PartialFailure, Refusal } from "../../../core/refusal.ts";
import type { Random } from "../../../core/surroundings.ts";
import type { WebhookSender } from "../../../core/webhooks/send.ts";
import type { RegistryHandlerDependencies } from "../accounts/handlers.ts";
import type { HandlersOf } from "../http/handlers.ts";
import { linkUrl, type Origins } from "../http/origins.ts";
import { notFound } from "../http/refusals.ts";
import type { registryRoutes } from "./routes.ts";

export interface RegistryDocumentHandlerDependencies extends RegistryHandlerDependencies {
  readonly admitKey: AdmitKey;
  readonly commitWithoutView: Commit;
  readonly origins: Origins;
  readonly random: Random;
  readonly policy: Policy;
  readonly service: { readonly keyProof: KeyProofPolicy };
  readonly newestMasterSecret: Buffer;
  readonly webhookSender: Pick<WebhookSender, "findUrlProblem">;
  readonly yieldToEventLoop: () => Promise<void>;
}

export function createRegistryDocumentHandlers(
  dependencies: RegistryDocumentHandlerDependencies,
): HandlersOf<typeof registryRoutes> {
  const { store, clock, random, origins } = dependencies;
  const apply: ApplyDependencies = {
    ...dependencies,
    keyProof: dependencies.service.keyProof,
    webhookSecretSource: () => Promise.resolve({ masterSecret: dependencies.newestMasterSecret, random }),
  };

  return {
    async exportRegistry({ principal, query, reply }) {
      const { account: shortname = principal.account ?? undefined, format } = query;
      const account = shortname === undefined ? undefined : await store.accounts.find(shortname);
      if (shortname !== undefined && (account === undefined || !canSee(principal, account.id))) throw notFound();
      const hasOperators = principal.role === "owner";
      const registry = await exportRegistry(apply, { account, hasOperators }, clock.wallMs());
      reply.type(format === "yaml" ? "application/yaml; charset=utf-8" : "application/json; charset=utf-8");
      void reply.send(Readable.from(format === "yaml" ? formatYaml(registry) : formatJson(registry)));
    },

    async planRegistry({ principal, query, body }) {
      const registry = parseFor(principal, body);
      const options = { author: principal, prune: query.prune === true, nowMs: clock.wallMs() };
      const plan = await planRegistry(apply, registry, options);
      return { data: planJson(plan), etag: planTag(plan) };
    },

    async applyRegistry({ principal, query, body, preconditions }) {
      const registry = parseFor(principal, body);
      const secrets: MadeSecret[] = [];
      let applied = 0;
      let first: Plan | undefined;
      const shownSecrets = () => secrets.map((each) => shownSecret(each, origins));
      const applying = applyRegistry(apply, registry, {
        author: principal,
        prune: query.prune === true,
        onPlan(plan) {
          if (first === undefined || preconditions.ifMatch !== undefined)
            checkPreconditions(preconditions, planTag(plan));
          requireMayApply(principal, plan);
          first ??= plan;
        },
        onSecret: (secret) => void secrets.push(secret),
        onProgress: (count) => {
          applied = count;
        },
      });
      await applying.catch((error: unknown) => {
        throw applied === 0 ? error : withData(error, { applied, secrets: shownSecrets() });
      });
      return { data: { ...planJson(first ?? { steps: [], notes: [] }), applied, secrets: shownSecrets() } };
    },
  };
}

/**
 * The most accounts, users, keys and others of a document together. An entry may have a few bytes, and each takes its time: a document of
 * a million would keep the server from exchanging tokens meanwhile.
 */
const ENTRIES_MAX = 50_000;

/** How many entries a document has, whether they are valid or not. */
function countEntries(body: Readonly<Record<string, unknown>>): number {
  const listIn = (entry: unknown, member: string) => {
    const list = (entry as Readonly<Record<string, unknown>> | null | undefined)?.[member];
    return Array.isArray(list) ? (list as readonly unknown[]) : [];
  };
  const accounts = listIn(body, "accounts");
  const users = accounts.flatMap((account) => listIn(account, "users"));
  const keys = users.reduce((count: number, user) => count + listIn(user, "keys").length, 0);
  const others = ["resource_servers", "webhooks", "operators"].flatMap((section) => listIn(body, section));
  return accounts.length + users.length + keys + others.length;
}

/**
 * Parses a document for its author: who is limited to an account describes that account alone. What the author can't read can't be
 * compared either.
 *
 * @throws {Refusal} `field_invalid`, `forbidden`
 */
function parseFor(principal: Principal, body: Readonly<Record<string, unknown>>) {
  const { account } = principal;
  if (account !== null && body["account"] !== undefined && body["account"] !== account) {
    throw documentRefusal([{ field: "/account", message: "There is no account of that name." }]);
  }
  if (body["operators"] !== undefined) requireRole(principal, "owner");
  if (countEntries(body) > ENTRIES_MAX) {
    const message = `A document that is sent to the admin API has at most ${ENTRIES_MAX} entries. Apply it by the command line.`;
    throw documentRefusal([{ field: "", message }]);
  }
  return parseRegistryDocument(account === null ? body : { ...body, account });
}

/**
 * The rules of the routes by which each of these changes can be made alone.
 *
 * @throws {Refusal} `forbidden`, `fresh_sign_in_required`
 */
function requireMayApply(principal: Principal, { steps }: Plan): void {
  if (steps.some(({ kind }) => kind === "account" || kind === "resource_server")) requireRole(principal, "admin", true);
  const operators = steps.filter(({ kind }) => kind === "operator");
  if (operators.length === 0) return;
  if (principal.kind === "operator") requireFresh(principal.isFresh);
  else if (operators.some(({ action }) => action !== "deactivate")) {
    throw new Refusal(
      "forbidden",
      "An admin token can only deactivate operators: what it makes or grants must not outlive it.",
    );
  }
}

/** What was made before an error is part of its answer: secrets can't be read again. */
function withData(error: unknown, data: object): Error {
  if (error instanceof Refusal) return new Refusal(error.code, error.message, { ...error.detail, data });
  return new PartialFailure(error, data);
}

function shownSecret(secret: MadeSecret, origins: Origins) {
  if (secret.kind !== "operator") return secret;
  const { link_secret: linkSecret, ...rest } = secret;
  return { ...rest, link: linkUrl(origins, linkSecret) };
}
