/**
 * A companion that switches keys as the command line does: in a process beside the server, on the same store, by the same
 * code. Only that it doesn't start and end with each change, which would blur the moment of the acknowledgement by 0.3 s.
 */
import { openAdministration } from "../../packages/server/src/compose/command-line.ts";
import { parseConfig } from "../../packages/server/src/config/config.ts";
import { unrestrictedAuthor } from "../../packages/server/src/core/change/change-tx.ts";
import { changeKey } from "../../packages/server/src/core/keys/changes.ts";
import type { KeyId } from "../../packages/server/src/core/keys/model.ts";
import { monotonicMs, offer } from "./companion.ts";

export type Standing = "active" | "deactivated";

/** A change to a key, with its moments in {@link monotonicMs}. */
export interface Switch {
  readonly keyId: number;
  readonly standing: Standing;
  /** Before the change was requested. */
  readonly begunAtMs: number;
  /** As soon as it is on the disk: when the command line prints its answer. */
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
