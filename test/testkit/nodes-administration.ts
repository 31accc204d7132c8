/**
 * An operator as a separate process: opens the store as the command line does, makes changes on request, and reports
 * when each began and was acknowledged. Forked by nodes.ts; a command line for each change would cost half a second of
 * a core.
 *
 * Times are of the machine's monotonic clock, which its processes share.
 */
import { openAdministration } from "../../packages/server/src/compose/command-line.ts";
import { parseConfig } from "../../packages/server/src/config/config.ts";
import { registryChangesOf } from "../../packages/server/src/testing/test-changes.ts";
import type { KeyId } from "../../packages/server/src/core/keys/model.ts";

const EVENTS_PER_READ = 500;

const administration = await openAdministration(parseConfig(process.env), { mayCreate: true });
const { store } = administration;
const changes = registryChangesOf(administration.commit);

/** The possible requests. */
const CALLS = {
  createAccount: (shortname: string) => changes.createAccount("cli:test", { shortname }),
  createUser: async (account: string, name: string, publicPem: string) => {
    const { username } = await changes.createUser("cli:test", { account, name, access: "full" });
    const { id } = await changes.addKey("cli:test", { username, text: publicPem });
    return { username, keyId: id };
  },
  setKeyStanding: async (keyId: number, standing: "active" | "deactivated") => {
    await changes.setKeyStanding("cli:test", keyId as KeyId, standing);
  },
  keyStatus: async (keyId: number) => (await store.keys.find(keyId as KeyId))?.status,
  /** Tokens issued under a key, over all hours. */
  tokensOfKey: async (keyId: number) => {
    const hours = await store.usage.keyHours(keyId as KeyId, 0);
    return hours.reduce((sum, { tokens }) => sum + tokens, 0);
  },
  /** The audit log's events of a key or token, in order. */
  actionsOn: async (subject: string) => {
    const actions: string[] = [];
    for (let seq = 0; ; ) {
      const events = await store.events.after(seq, EVENTS_PER_READ);
      const last = events.at(-1);
      if (last === undefined) return actions;
      actions.push(...events.filter((event) => event.subject === subject).map(({ action }) => action));
      seq = last.seq;
    }
  },
  liveNodes: async (withinMs: number) => (await store.nodes.listLive(withinMs)).map(({ id }) => id),
};

export type AdministrationCalls = typeof CALLS;

export interface AdministrationRequest {
  readonly id: number;
  readonly call: keyof AdministrationCalls;
  readonly args: readonly unknown[];
}

export interface AdministrationReply {
  readonly id: number;
  readonly beganMs: number;
  /** When the change was acknowledged, or failed. */
  readonly endedMs: number;
  readonly value?: unknown;
  readonly error?: string;
}

const nowMs = () => Number(process.hrtime.bigint()) / 1e6;

process.on("message", (request: AdministrationRequest) => {
  const { id, call, args } = request;
  const beganMs = nowMs();
  (CALLS[call] as (...args: readonly unknown[]) => Promise<unknown>)(...args).then(
    (value) => process.send?.({ id, beganMs, endedMs: nowMs(), value } satisfies AdministrationReply),
    (error: unknown) =>
      process.send?.({ id, beganMs, endedMs: nowMs(), error: String(error) } satisfies AdministrationReply),
  );
});
process.once("disconnect", () => process.exit());
process.send?.("ready");
