import { createOnce, type Transactions } from "../../../core/change/once.ts";
import { checkPreconditions, onlyIfMatch } from "../../../core/change/precondition.ts";
import { isoTime, resourceServerJson, signingKeyJson } from "../../../core/json/registry.ts";
import type { ResourceServer } from "../../../core/resource-servers/model.ts";
import { createResourceServerChanges, type WithSecret } from "../../../core/resource-servers/changes.ts";
import { createSigningKeyChanges, LIVE_NODE_MS } from "../../../core/signing-keys/changes.ts";
import type { SigningKeyRecord } from "../../../core/signing-keys/signing-keys.ts";
import { type Administration, notFound } from "../administration.ts";
import { parsePage } from "../http/cursor.ts";
import { entityTags } from "../http/entity-tag.ts";
import { type AdminHandlers, wholeList } from "../http/handlers.ts";
import { requireUnchanged } from "../http/read-only.ts";
import { listOf } from "../registry-handlers.ts";

type ServiceOperations =
  | "listResourceServers"
  | "createResourceServer"
  | "getResourceServer"
  | "changeResourceServer"
  | "rotateResourceServerSecret"
  | "listSigningKeys"
  | "rotateSigningKey"
  | "retireSigningKey"
  | "listNodes"
  | "getSettings";

/** Said where a creation is asked for again, and what it made had a secret. */
export const SECRET_NOT_REPEATED = {
  code: "secret_not_repeated",
  message: "It was made before, and its secret is shown once only. Make a new one if it is lost.",
} as const;

/** Resource servers, signing keys, nodes and settings: what belongs to the service, not to an account. */
export function createServiceHandlers(administration: Administration): Pick<AdminHandlers, ServiceOperations> {
  const { store, clock, random, onChanged, newestMasterSecret, settings } = administration;
  const serverChangesOn = (transactions: Transactions) =>
    createResourceServerChanges(transactions, clock, random, onChanged);
  const signingKeyChanges = createSigningKeyChanges(store, clock, onChanged);

  return {
    async listResourceServers({ query, target }) {
      const { q: search, status } = query;
      const page = await store.pageResourceServers({ search, status }, parsePage(query));
      return listOf(page, target, (server) => [server.id], resourceServerJson);
    },

    async createResourceServer({ principal, body, idempotencyKey }) {
      const outcome = await createOnce<WithSecret>(store, clock, {
        key: idempotencyKey,
        principal: principal.actor,
        request: ["createResourceServer", body],
        create: (transactions) => serverChangesOn(transactions).create(principal.actor, body.name),
        subjectOf: ({ server }) => `resource_server:${server.id}`,
      });
      const server = outcome.isRepeated ? await loadServer(body.name) : outcome.made.server;
      return {
        data: { ...resourceServerJson(server), client_secret: outcome.isRepeated ? null : outcome.made.secret },
        etag: entityTags.resourceServer(server),
        location: `/resource-servers/${server.name}`,
        isRepeated: outcome.isRepeated,
        ...(outcome.isRepeated && { warnings: [SECRET_NOT_REPEATED] }),
      };
    },

    async getResourceServer({ params }) {
      const server = await loadServer(params.name);
      return { data: resourceServerJson(server), etag: entityTags.resourceServer(server) };
    },

    async changeResourceServer({ principal, params: { name }, body, preconditions }) {
      let server = await loadServer(name);
      requireUnchanged(body, resourceServerJson(server), ["status"]);
      const { status } = body;
      if (status === undefined) checkPreconditions(preconditions, entityTags.resourceServer(server));
      else {
        const transactions = onlyIfMatch(store, preconditions, async (transaction) => {
          const current = await transaction.findResourceServer(name);
          return current && entityTags.resourceServer(current);
        });
        server = await serverChangesOn(transactions).setStanding(principal.actor, name, status);
      }
      return { data: resourceServerJson(server), etag: entityTags.resourceServer(server) };
    },

    async rotateResourceServerSecret({ principal, params, body }) {
      const graceMs = (body?.grace_seconds ?? 0) * 1000;
      const { server, secret } = await serverChangesOn(store).rotate(principal.actor, params.name, graceMs);
      return {
        data: { ...resourceServerJson(server), client_secret: secret },
        etag: entityTags.resourceServer(server),
      };
    },

    async listSigningKeys() {
      const keys = await store.listSigningKeys();
      return wholeList(keys.map((key) => shownSigningKey(key, keys)));
    },

    async rotateSigningKey({ principal }) {
      const { number } = await signingKeyChanges.rotate(principal.actor, newestMasterSecret);
      // Where nodes aren't ready yet, one of them activates it as soon as they are.
      await signingKeyChanges.activate(principal.actor);
      return { data: await loadSigningKey(number) };
    },

    async retireSigningKey({ principal, params, body }) {
      requireUnchanged(body, await loadSigningKey(params.number), ["status"]);
      await signingKeyChanges.retire(principal.actor, params.number);
      return { data: await loadSigningKey(params.number) };
    },

    async listNodes() {
      const nodes = await store.listLiveNodes(LIVE_NODE_MS);
      return wholeList(
        nodes.map(({ id, version, startedAtMs, seenAtMs, signingKeys }) => ({
          id,
          version,
          started_at: isoTime(startedAtMs),
          seen_at: isoTime(seenAtMs),
          signing_keys: signingKeys,
        })),
      );
    },

    getSettings: () => Promise.resolve(wholeList(settings)),
  };

  async function loadServer(name: string): Promise<ResourceServer> {
    const server = await store.findResourceServer(name);
    if (server === undefined) throw notFound();
    return server;
  }

  async function loadSigningKey(number: number) {
    const keys = await store.listSigningKeys();
    const key = keys.find((one) => one.number === number);
    if (key === undefined) throw notFound();
    return shownSigningKey(key, keys);
  }
}

/** New tokens are signed with the active key that has the greatest number. */
function shownSigningKey(key: SigningKeyRecord, keys: readonly SigningKeyRecord[]) {
  const signing = keys.filter(({ activatedAtMs, retiredAtMs }) => activatedAtMs !== null && retiredAtMs === null);
  return { ...signingKeyJson(key), signs: key.number === Math.max(...signing.map(({ number }) => number)) };
}
