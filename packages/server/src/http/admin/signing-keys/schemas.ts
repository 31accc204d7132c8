import { sample, count, flag, object, patchOf, text, textOrNull, time, timeOrNull } from "../http/schema.ts";

export const SigningKey = object({
  number: count,
  status: { enum: ["active", "waiting", "retired"] },
  signs: { ...sample(flag, true), description: "Whether new tokens are signed with this key" },
  master_fingerprint: { ...sample(text, "…"), description: "Identifies the master secret from which the key derives" },
  created_at: time,
  activated_at: timeOrNull,
  retired_at: timeOrNull,
});

export const Node = object({
  id: sample(text, "…"),
  host_name: {
    ...sample(textOrNull, "host-1"),
    description: "The name of its machine; null for a node of an earlier release",
  },
  version: sample(text, "1.0.0"),
  started_at: time,
  seen_at: time,
  signing_keys: { type: "array", items: count },
  feed_lag_seconds: {
    type: ["number", "null"],
    minimum: 0,
    examples: [0.05],
    description:
      "How long before it was seen the node had last read the change feed to its end; 86400 for longer. Above 5 it asks the store about each request. null for a node of an earlier release",
  },
} as const);

export const SigningKeyPatch = patchOf(SigningKey, { status: { enum: ["retired"] } }, ["status"]);

export const NumberParam = object({ number: { type: "integer", minimum: 1, maximum: 2 ** 32 - 1 } });
