import type { Clock, Random } from "../surroundings.ts";
import type { AuditAction } from "../feed/event.ts";
import { createChange } from "../change/change.ts";
import { hashClientSecret, makeClientSecret } from "./client-secret.ts";
import type { ResourceServer } from "./model.ts";
import type { Standing } from "../standing.ts";
import { checkName, printable } from "../names.ts";
import { fieldRefusal, Refusal } from "../refusal.ts";
import type { Store, StoreTransaction } from "../store/store.ts";

/** The longest time for which a rotated secret may go on working, in milliseconds: 30 days. */
export const GRACE_MS_MAX = 30 * 86_400_000;

/** A resource server with its secret, which can't be read again later. */
export interface WithSecret {
  readonly server: ResourceServer;
  readonly secret: string;
}

/**
 * Changes to resource servers. As with all changes, each is one transaction with its audit event.
 *
 * All reject with {@link Refusal} (`not_found`, `conflict`, `field_invalid`), and then nothing was changed.
 */
export interface ResourceServerChanges {
  create(actor: string, name: string): Promise<WithSecret>;
  /** Gives it a new secret. The one before goes on working for `graceMs`; any older one ends at once. */
  rotate(actor: string, name: string, graceMs: number): Promise<WithSecret>;
  setStanding(actor: string, name: string, standing: Standing): Promise<ResourceServer>;
}

/** @param onChanged awaited after each commit and before the change is acknowledged */
export function createResourceServerChanges(
  store: Pick<Store, "transaction">,
  clock: Clock,
  random: Random,
  onChanged: () => Promise<void> = () => Promise.resolve(),
): ResourceServerChanges {
  const change = createChange(store, onChanged);

  async function append(
    transaction: StoreTransaction,
    actor: string,
    action: AuditAction,
    { id, name }: ResourceServer,
    details: Readonly<Record<string, number | null>> = {},
  ): Promise<void> {
    const subject = `resource_server:${id}`;
    await transaction.events.append({ atMs: clock.wallMs(), actor, action, subject, details: { name, ...details } });
  }

  return {
    create(actor, name) {
      checkName("name", name);
      const secret = makeClientSecret(random);
      return change(async (transaction) => {
        if ((await transaction.resourceServers.find(name)) !== undefined) {
          throw fieldRefusal("conflict", `The resource server ${name} exists already.`, "name");
        }
        const server = await transaction.resourceServers.insert({
          name,
          secretHash: hashClientSecret(secret),
          createdAtMs: clock.wallMs(),
        });
        await append(transaction, actor, "resource_server.created", server);
        return { server, secret };
      });
    },

    rotate(actor, name, graceMs) {
      // Negated, so that NaN is refused too.
      if (!(graceMs >= 0 && graceMs <= GRACE_MS_MAX)) {
        throw fieldRefusal("field_invalid", "The grace must be from 0 to 30 days.", "grace_seconds");
      }
      const secret = makeClientSecret(random);
      return change(async (transaction) => {
        const server = await loadResourceServer(transaction, name);
        const endsAtMs = clock.wallMs() + graceMs;
        const values = {
          secretHash: hashClientSecret(secret),
          previousSecret: graceMs === 0 ? null : { hash: server.secretHash, endsAtMs },
        };
        await transaction.resourceServers.update(server.id, values);
        await append(transaction, actor, "resource_server.rotated", server, {
          previous_secret_ends_at_ms: values.previousSecret?.endsAtMs ?? null,
        });
        return { server: { ...server, ...values }, secret };
      });
    },

    setStanding(actor, name, standing) {
      return change(async (transaction) => {
        const server = await loadResourceServer(transaction, name);
        if (server.status === standing) return server;
        await transaction.resourceServers.update(server.id, { status: standing });
        const action = standing === "active" ? "resource_server.activated" : "resource_server.deactivated";
        await append(transaction, actor, action, server);
        return { ...server, status: standing };
      });
    },
  };
}

async function loadResourceServer(transaction: StoreTransaction, name: string): Promise<ResourceServer> {
  const server = await transaction.resourceServers.find(name);
  if (server === undefined) {
    throw new Refusal(
      "not_found",
      `There is no resource server ${printable(name)}. countersign resource-server create makes one.`,
    );
  }
  return server;
}
