/**
 * A companion process that deactivates and activates keys as the command line does: beside the server, on the same
 * store, with the same code. It doesn't start anew for each change, which would blur the time of the acknowledgement by
 * 0.3 s.
 */
import { openAdministration } from "../../packages/server/src/compose/command-line.ts";
import { parseConfig } from "../../packages/server/src/config/config.ts";
import { unrestrictedAuthor } from "../../packages/server/src/core/change/change-tx.ts";
import { changeKey } from "../../packages/server/src/core/keys/changes.ts";
import type { KeyId } from "../../packages/server/src/core/keys/model.ts";
import { monotonicMs, offer } from "./companion.ts";

export type Standing = "active" | "deactivated";

/** A change to a key, with its times in {@link monotonicMs}. */
export interface Switch {
  readonly keyId: number;
  readonly standing: Standing;
  /** Before the change was requested. */
  readonly begunAtMs: number;
  /** When it is on the disk, and the command line would print its answer. */
  readonly acknowledgedAtMs: number;
}

const { commit } = await openAdministration(parseConfig(process.env, {}), {});

const author = unrestrictedAuthor("cli:story");

const functions = {
  async switchKey({ keyId, standing }: Pick<Switch, "keyId" | "standing">): Promise<Switch> {
    const begunAtMs = monotonicMs();
    await commit((tx) => changeKey(tx, keyId as KeyId, { status: standing }), { author });
    return { keyId, standing, begunAtMs, acknowledgedAtMs: monotonicMs() };
  },
};

export type StoryAdministration = typeof functions;

offer(functions);
