/**
 * A companion that administers a store as the command line does: in a process beside the servers, by the same code. Running the
 * command line itself for each change would cost half a second of a core, and blur the moment of the acknowledgement.
 */
import { openAdministration } from "../../packages/server/src/compose/command-line.ts";
import { parseConfig } from "../../packages/server/src/config/config.ts";
import { registryChangesOf } from "../../packages/server/src/testing/test-changes.ts";
import type { KeyId } from "../../packages/server/src/core/keys/model.ts";
import { monotonicMs, offer } from "./companion.ts";
import type { KeyChange, Standing } from "./truth.ts";

const EVENTS_PER_READ = 500;

const administration = await openAdministration(parseConfig(process.env), { mayCreate: true });
const { store } = administration;
const changes = registryChangesOf(administration.commit);

async function tryKeyStanding(keyId: number, standing: Standing): Promise<KeyChange> {
  const beganMs = monotonicMs();
  const failure = await changes.setKeyStanding("cli:test", keyId as KeyId, standing).then(
    () => undefined,
    (error: unknown) => String(error),
  );
  return { keyId, standing, beganMs, endedMs: monotonicMs(), failure };
}

const functions = {
  createAccount: (shortname: string) => changes.createAccount("cli:test", { shortname }),
  createUser: async (account: string, name: string, publicPem: string) => {
    const { username } = await changes.createUser("cli:test", { account, name, access: "full" });
    const { id } = await changes.addKey("cli:test", { username, text: publicPem });
    return { username, keyId: id };
  },
  /** Says so in the result if the change fails. */
  tryKeyStanding,
  /** @throws if the change fails */
  setKeyStanding: async (keyId: number, standing: Standing): Promise<KeyChange> => {
    const change = await tryKeyStanding(keyId, standing);
    if (change.failure !== undefined) throw new Error(change.failure);
    return change;
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

export type Administration = typeof functions;

offer(functions);
