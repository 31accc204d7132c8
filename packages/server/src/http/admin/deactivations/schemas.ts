import { count, id, object, sample, text, textOrNull } from "../http/schema.ts";

/** The most objects of one request. Each is a change of its own, so that these take a few seconds at most. */
export const DEACTIVATED_MAX = 100;

const amount = { minItems: 1, maxItems: DEACTIVATED_MAX, uniqueItems: true } as const;

export const UsersToDeactivate = object({
  usernames: { type: "array", items: { ...text, maxLength: 200 }, ...amount, examples: [["api-1-shop"]] },
});

export const KeysToDeactivate = object({
  ids: { type: "array", items: id, ...amount, examples: [[1]] },
});

const outcome = {
  outcome: { enum: ["deactivated", "unchanged", "refused"], description: "unchanged: it was deactivated already" },
  code: { ...textOrNull, description: "Of the refusal, or of a warning" },
  message: textOrNull,
} as const;

export const DeactivatedUsers = object({
  users: {
    type: "array",
    description: "What became of each API user, in their order",
    items: object({ username: sample(text, "api-1-shop"), ...outcome }),
  },
  refused: sample(count, 0),
});

export const DeactivatedKeys = object({
  keys: {
    type: "array",
    description: "What became of each key, in their order",
    items: object({ id: sample(count, 1), ...outcome }),
  },
  refused: sample(count, 0),
});
