/** Signing keys, and the nodes that hold them, in the admin API. Their life is in core/signing-keys. */
import { nodeJson, signingKeyJson } from "../../../core/json/registry.ts";
import {
  activateSigningKey,
  LIVE_NODE_MS,
  retireSigningKey,
  rotateSigningKey,
  signingNumber,
} from "../../../core/signing-keys/changes.ts";
import type { SigningKeyRecord } from "../../../core/signing-keys/signing-keys.ts";
import type { RegistryHandlerDependencies } from "../accounts/handlers.ts";
import { type HandlersOf, wholeList } from "../http/handlers.ts";
import { requireUnchanged } from "../http/read-only.ts";
import { notFound } from "../http/refusals.ts";
import type { signingKeyRoutes } from "./routes.ts";
import { changeableOf } from "../http/schema.ts";
import { SigningKeyPatch } from "./schemas.ts";

const CHANGEABLE = changeableOf(SigningKeyPatch);

export interface SigningKeyHandlerDependencies extends RegistryHandlerDependencies {
  /** The master secret from which new signing keys derive. */
  readonly newestMasterSecret: Buffer;
}

export function createSigningKeyHandlers({
  store,
  commit,
  newestMasterSecret,
}: SigningKeyHandlerDependencies): HandlersOf<typeof signingKeyRoutes> {
  return {
    async listSigningKeys() {
      const keys = await store.signingKeys.list();
      return wholeList(keys.map((key) => shownSigningKey(key, keys)));
    },

    async rotateSigningKey({ principal }) {
      const author = principal;
      const { result: key } = await commit((tx) => rotateSigningKey(tx, newestMasterSecret), { author });
      // If some node isn't ready yet, a node activates the key as soon as all are.
      await commit(activateSigningKey, { author });
      return { data: await loadSigningKey(key.number) };
    },

    async retireSigningKey({ principal, params, body }) {
      requireUnchanged(body, await loadSigningKey(params.number), CHANGEABLE);
      await commit((tx) => retireSigningKey(tx, params.number), { author: principal });
      return { data: await loadSigningKey(params.number) };
    },

    async listNodes() {
      const nodes = await store.nodes.listLive(LIVE_NODE_MS);
      return wholeList(nodes.map(nodeJson));
    },
  };

  async function loadSigningKey(number: number) {
    const keys = await store.signingKeys.list();
    const key = keys.find((candidate) => candidate.number === number);
    if (key === undefined) throw notFound();
    return shownSigningKey(key, keys);
  }
}

function shownSigningKey(key: SigningKeyRecord, keys: readonly SigningKeyRecord[]) {
  return { ...signingKeyJson(key), signs: key.number === signingNumber(keys) };
}
