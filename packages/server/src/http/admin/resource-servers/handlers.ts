/** Resource servers in the admin API. What a resource server is, and how it changes, is in core/resource-servers. */
import { createOnce, type Transactions } from "../../../core/change/once.ts";
import { checkPreconditions, onlyIfMatch } from "../../../core/change/precondition.ts";
import { resourceServerJson } from "../../../core/json/registry.ts";
import { createResourceServerChanges, type WithSecret } from "../../../core/resource-servers/changes.ts";
import type { ResourceServer } from "../../../core/resource-servers/model.ts";
import type { Random } from "../../../core/surroundings.ts";
import type { RegistryHandlerDependencies } from "../accounts/handlers.ts";
import { listOf, parsePage } from "../http/cursor.ts";
import { entityTags } from "../http/entity-tag.ts";
import { type HandlersOf, SECRET_NOT_REPEATED } from "../http/handlers.ts";
import { requireUnchanged } from "../http/read-only.ts";
import { notFound } from "../http/refusals.ts";
import type { resourceServerRoutes } from "./routes.ts";

export interface ResourceServerHandlerDependencies extends RegistryHandlerDependencies {
  readonly random: Random;
}

export function createResourceServerHandlers({
  store,
  clock,
  random,
  onChanged,
}: ResourceServerHandlerDependencies): HandlersOf<typeof resourceServerRoutes> {
  const changesOn = (transactions: Transactions) => createResourceServerChanges(transactions, clock, random, onChanged);

  return {
    async listResourceServers({ query, target }) {
      const { q: search, status } = query;
      const page = await store.resourceServers.page({ search, status }, parsePage(query));
      return listOf(page, target, (server) => [server.id], resourceServerJson);
    },

    async createResourceServer({ principal, body, idempotencyKey }) {
      const outcome = await createOnce<WithSecret>(store, clock, {
        key: idempotencyKey,
        principal: principal.actor,
        request: ["createResourceServer", body],
        create: (transactions) => changesOn(transactions).create(principal.actor, body.name),
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
          const current = await transaction.resourceServers.find(name);
          return current && entityTags.resourceServer(current);
        });
        server = await changesOn(transactions).setStanding(principal.actor, name, status);
      }
      return { data: resourceServerJson(server), etag: entityTags.resourceServer(server) };
    },

    async rotateResourceServerSecret({ principal, params, body }) {
      const graceMs = (body?.grace_seconds ?? 0) * 1000;
      const { server, secret } = await changesOn(store).rotate(principal.actor, params.name, graceMs);
      return {
        data: { ...resourceServerJson(server), client_secret: secret },
        etag: entityTags.resourceServer(server),
      };
    },
  };

  async function loadServer(name: string): Promise<ResourceServer> {
    const server = await store.resourceServers.find(name);
    if (server === undefined) throw notFound();
    return server;
  }
}
