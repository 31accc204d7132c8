/** Resource servers in the admin API. What a resource server is, and how it changes, is in core/resource-servers. */
import type { ChangeTx } from "../../../core/change/change-tx.ts";
import { resourceServerJson } from "../../../core/json/registry.ts";
import {
  changeResourceServer,
  createResourceServer,
  loadResourceServer,
  rotateResourceServerSecret,
} from "../../../core/resource-servers/changes.ts";
import type { ResourceServer } from "../../../core/resource-servers/model.ts";
import type { Random } from "../../../core/surroundings.ts";
import type { RegistryHandlerDependencies } from "../accounts/handlers.ts";
import { listOf, parsePage } from "../http/cursor.ts";
import { entityTags } from "../http/entity-tag.ts";
import { type HandlersOf, SECRET_NOT_REPEATED } from "../http/handlers.ts";
import { requireUnchanged } from "../http/read-only.ts";
import { notFound } from "../http/refusals.ts";
import type { resourceServerRoutes } from "./routes.ts";
import { changeableOf } from "../http/schema.ts";
import { ResourceServerPatch } from "./schemas.ts";

const CHANGEABLE = changeableOf(ResourceServerPatch);

export interface ResourceServerHandlerDependencies extends RegistryHandlerDependencies {
  readonly random: Random;
}

export function createResourceServerHandlers({
  store,
  commit,
  random,
}: ResourceServerHandlerDependencies): HandlersOf<typeof resourceServerRoutes> {
  return {
    async listResourceServers({ query, target }) {
      const { q: search, status } = query;
      const page = await store.resourceServers.page({ search: search?.trim(), status }, parsePage(query));
      return listOf(page, target, (server) => [server.id], resourceServerJson);
    },

    async createResourceServer({ principal, body, idempotencyKey }) {
      const { result, isRepeated } = await commit<Shown>((tx) => createResourceServer(tx, body.name, random), {
        author: principal,
        once: {
          key: idempotencyKey,
          request: ["createResourceServer", body],
          ...madeOnce(body.name),
        },
      });
      return { ...shown(result), location: `/resource-servers/${body.name}`, isRepeated };
    },

    async getResourceServer({ params }) {
      const server = await loadServer(params.name);
      return { data: resourceServerJson(server), etag: entityTags.resourceServer(server) };
    },

    async changeResourceServer({ principal, params: { name }, body, preconditions }) {
      requireUnchanged(body, resourceServerJson(await loadServer(name)), CHANGEABLE);
      const { result: server } = await commit((tx) => changeResourceServer(tx, name, body), {
        author: principal,
        ifMatch: { ...preconditions, currentTag: currentTag(name) },
      });
      return { data: resourceServerJson(server), etag: entityTags.resourceServer(server) };
    },

    async rotateResourceServerSecret({ principal, params: { name }, body, preconditions, idempotencyKey }) {
      const graceMs = (body?.grace_seconds ?? 0) * 1000;
      const { result, isRepeated } = await commit<Shown>(
        (tx) => rotateResourceServerSecret(tx, name, graceMs, random),
        {
          author: principal,
          ifMatch: { ...preconditions, currentTag: currentTag(name) },
          once: {
            key: idempotencyKey,
            request: ["rotateResourceServerSecret", name, body ?? {}],
            ...madeOnce(name),
          },
        },
      );
      return { ...shown(result), isRepeated };
    },
  };

  async function loadServer(name: string): Promise<ResourceServer> {
    const server = await store.resourceServers.find(name);
    if (server === undefined) throw notFound();
    return server;
  }
}

/** A resource server, and its secret if that was made just now. */
interface Shown {
  readonly server: ResourceServer;
  readonly secret?: string;
}

function shown({ server, secret = null }: { readonly server: ResourceServer; readonly secret?: string | null }) {
  return {
    data: { ...resourceServerJson(server), client_secret: secret },
    etag: entityTags.resourceServer(server),
    ...(secret === null && { warnings: [SECRET_NOT_REPEATED] }),
  };
}

/** How a secret that was made under the same `Idempotency-Key` is answered: by its resource server alone. */
function madeOnce(name: string) {
  return {
    kind: "resource_server",
    idOf: ({ server }: Shown) => server.id,
    again: async (tx: ChangeTx): Promise<Shown> => ({ server: await loadResourceServer(tx, name) }),
  };
}

function currentTag(name: string): (tx: ChangeTx) => Promise<string> {
  return async (tx) => entityTags.resourceServer(await loadResourceServer(tx, name));
}
