import { createHash } from "node:crypto";
import { Refusal } from "../refusal.ts";
import type { ChangeTx } from "./change-tx.ts";

/**
 * A change that is made once, however often it is requested under the same `Idempotency-Key`
 * (draft-ietf-httpapi-idempotency-key-header). The key is remembered in the change's own transaction, so that neither exists without
 * the other. The answer isn't remembered, because it may hold a secret; `again` reads what was made.
 */
export interface Once<Made> {
  /** The `Idempotency-Key`, separate for each author. Without one, the change is made each time. */
  readonly key: string | undefined;
  /** The operation and its arguments, as JSON. Under one key it must be the same each time, with its members in any order. */
  readonly request: unknown;
  /** The kind of the created resource, such as `key`. */
  readonly kind: string;
  readonly idOf: (made: Made) => number;
  /** Reads what was created earlier, without its secret. */
  readonly again: (tx: ChangeTx, id: number) => Promise<Made>;
}

/** Finds what was created under this key earlier. @throws {Refusal} `idempotency_key_reused` if that was another request */
export async function findMade<Made>(
  tx: ChangeTx,
  { key, request, kind, again }: Once<Made>,
): Promise<{ readonly result: Made } | undefined> {
  if (key === undefined) return undefined;
  const creation = await tx.creations.find(tx.author.actor, sha256(key));
  if (creation === undefined) return undefined;
  if (creation.requestHash !== requestHash(request)) {
    throw new Refusal("idempotency_key_reused", "This Idempotency-Key was used for another request.");
  }
  return { result: await again(tx, Number(creation.subject.slice(kind.length + 1))) };
}

/** Remembers what was made under the key, if there is one. */
export async function rememberMade<Made>(
  tx: ChangeTx,
  { key, request, kind, idOf }: Once<Made>,
  made: Made,
): Promise<void> {
  if (key === undefined) return;
  await tx.creations.insert({
    principal: tx.author.actor,
    keyHash: sha256(key),
    requestHash: requestHash(request),
    subject: `${kind}:${idOf(made)}`,
    createdAtMs: tx.nowMs,
  });
}

/** Hashes the request's canonical form, in which the members of every object are sorted. */
function requestHash(request: unknown): string {
  return sha256(JSON.stringify(request, inOrder));
}

function inOrder(_name: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
