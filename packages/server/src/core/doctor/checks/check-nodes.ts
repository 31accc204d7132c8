import type { SigningKeyRecord } from "../../signing-keys/signing-keys.ts";
import { type LiveNode, nodeName } from "../../signing-keys/store.ts";
import { type Observation, observe, type Problem } from "../finding.ts";

export interface NodeFacts {
  readonly nodes: readonly LiveNode[];
  readonly signingKeys: readonly Pick<SigningKeyRecord, "number" | "activatedAtMs" | "retiredAtMs">[];
  /** The release of this program. */
  readonly version: string;
}

/** Compares the processes that serve the store. */
export function checkNodes({ nodes, signingKeys, version }: NodeFacts): Observation {
  const versions = [...new Set([...nodes.map((node) => node.version), version])];
  const urls = [...new Set(nodes.map(({ publicUrl }) => publicUrl).filter((url) => url !== null))];
  const signing = signingKeys.filter(
    ({ activatedAtMs, retiredAtMs }) => activatedAtMs !== null && retiredAtMs === null,
  );
  return observe(
    `Nodes that serve this store: ${nodes.length}.`,
    versions.length <= 1 || nodes.length === 0
      ? undefined
      : {
          code: "versions_differ",
          found: `Nodes run ${[...new Set(nodes.map((node) => node.version))].toSorted().join(", ")}; this program is ${version}.`,
        },
    urls.length <= 1
      ? undefined
      : { code: "public_urls_differ", found: `Nodes have the public URLs ${urls.toSorted().join(", ")}.` },
    ...nodes.flatMap((node): Problem[] => {
      const missing = signing.filter(({ number }) => !node.signingKeys.includes(number));
      if (missing.length === 0) return [];
      const numbers = missing.map(({ number }) => number).join(", ");
      return [
        {
          code: "node_lacks_signing_key",
          found: `Node ${nodeName(node)} can't check tokens of signing key ${numbers}.`,
        },
      ];
    }),
  );
}
