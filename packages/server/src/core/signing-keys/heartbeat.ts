import type { SigningKeyRing } from "./ring.ts";
import type { SigningKeyChanges } from "./changes.ts";
import type { LiveNode, RegistryStore } from "../store/store.ts";

/** Says that this node is there, and which signing keys it knows; and lets a new one sign once every node knows it. */
export interface Heartbeat {
  readonly id: string;
  beat(): Promise<void>;
}

export function createHeartbeat(
  store: Pick<RegistryStore, "recordNode" | "listSigningKeys">,
  signingKeys: Pick<SigningKeyRing, "numbers" | "settled">,
  changes: SigningKeyChanges,
  node: Omit<LiveNode, "seenAtMs" | "signingKeys">,
): Heartbeat {
  return {
    id: node.id,
    async beat() {
      await signingKeys.settled().catch(() => undefined);
      await store.recordNode({ ...node, signingKeys: signingKeys.numbers() });
      // A look, before taking the lock that every change takes.
      const keys = await store.listSigningKeys();
      if (keys.some((key) => key.activatedAtMs === null && key.retiredAtMs === null)) await changes.activate("system");
    },
  };
}
