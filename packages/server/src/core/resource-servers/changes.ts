import type { ChangeTx } from "../change/change-tx.ts";
import { checkName, printable } from "../names.ts";
import { fieldRefusal, Refusal } from "../refusal.ts";
import type { Standing } from "../standing.ts";
import type { Random } from "../surroundings.ts";
import { hashClientSecret, makeClientSecret } from "./client-secret.ts";
import type { ResourceServer } from "./model.ts";

/** The longest grace period of a rotated secret, in milliseconds: 30 days. */
export const GRACE_MS_MAX = 30 * 86_400_000;

/** A resource server with its secret, which can't be read again later. */
export interface WithSecret {
  readonly server: ResourceServer;
  readonly secret: string;
}

/** @throws {Refusal} `field_invalid`, `conflict` */
export async function createResourceServer(tx: ChangeTx, name: string, random: Random): Promise<WithSecret> {
  checkName("name", name);
  if ((await tx.resourceServers.find(name)) !== undefined) {
    throw fieldRefusal("conflict", `The resource server ${name} exists already.`, "name");
  }
  const secret = makeClientSecret(random);
  const values = { name, secretHash: hashClientSecret(secret), createdAtMs: tx.nowMs };
  const server = await tx.resourceServers.insert(values);
  await tx.append({ action: "resource_server.created", resourceServerId: server.id, name });
  return { server, secret };
}

/**
 * Gives a resource server a new secret. The previous one keeps working for `graceMs`; any older one ends immediately.
 *
 * @throws {Refusal} `field_invalid`, `not_found`
 */
export async function rotateResourceServerSecret(
  tx: ChangeTx,
  name: string,
  graceMs: number,
  random: Random,
): Promise<WithSecret> {
  // Negated, so that NaN is refused too.
  if (!(graceMs >= 0 && graceMs <= GRACE_MS_MAX)) {
    throw fieldRefusal("field_invalid", "The grace must be from 0 to 30 days.", "grace_seconds");
  }
  const server = await loadResourceServer(tx, name);
  const secret = makeClientSecret(random);
  const previousSecretEndsAtMs = graceMs === 0 ? null : tx.nowMs + graceMs;
  const previousSecret =
    previousSecretEndsAtMs === null ? null : { hash: server.secretHash, endsAtMs: previousSecretEndsAtMs };
  const values = { secretHash: hashClientSecret(secret), previousSecret };
  await tx.resourceServers.update(server.id, values);
  await tx.append({ action: "resource_server.rotated", resourceServerId: server.id, name, previousSecretEndsAtMs });
  return { server: { ...server, ...values }, secret };
}

/** Deactivates or activates a resource server; an `undefined` status stays. @throws {Refusal} `not_found` */
export async function changeResourceServer(
  tx: ChangeTx,
  name: string,
  { status }: { readonly status?: Standing | undefined },
): Promise<ResourceServer> {
  const server = await loadResourceServer(tx, name);
  if (status === undefined || status === server.status) return server;
  await tx.resourceServers.update(server.id, { status });
  const action = status === "active" ? "resource_server.activated" : "resource_server.deactivated";
  await tx.append({ action, resourceServerId: server.id, name });
  return { ...server, status };
}

/** @throws {Refusal} `not_found` */
export async function loadResourceServer({ resourceServers }: ChangeTx, name: string): Promise<ResourceServer> {
  const server = await resourceServers.find(name);
  if (server !== undefined) return server;
  throw unknownResourceServer(name);
}

/** The refusal of a name that no resource server has. */
export function unknownResourceServer(name: string): Refusal {
  const message = `There is no resource server ${printable(name)}. countersign resource-server create makes one.`;
  return new Refusal("not_found", message, { unknownName: { kind: "resource-server", name } });
}
