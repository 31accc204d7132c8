import { sample, count, object, objectWith, shortname, text, time, timeOrNull } from "../http/schema.ts";

export const Impact = object({
  live_tokens: {
    ...count,
    description: "Unexpired tokens that would end; may be slightly too high, and lags by a few seconds",
  },
  clients: {
    type: "array",
    description: "The API users who hold those tokens, most tokens first; at most 20",
    items: object({ username: sample(text, "api-1-shop"), live_tokens: count, last_used_at: timeOrNull }),
  },
  client_count: count,
} as const);

export const UsageHours = object({
  from: time,
  until: sample(time, "2026-11-29T09:30:00.000Z"),
  hours: {
    type: "array",
    description: "Hours in which tokens were issued; hours without any are left out",
    items: object({ hour: { ...time, description: "Start of the hour" }, tokens: count }),
  },
} as const);

export const UsageQuery = objectWith([], {
  account: shortname,
  username: { type: "string", maxLength: 200 },
  key_id: { type: "integer", minimum: 1 },
  from: { ...time, description: "Rounded down to the hour. Default: 24 hours ago" },
  until: { ...time, description: "Exclusive; at most 92 days after from. Default: now" },
});

export const ImpactQuery = objectWith([], {
  account: shortname,
  username: { type: "string", maxLength: 200 },
  key_id: { type: "integer", minimum: 1 },
});

export const UserRefusals = object({
  from: time,
  until: sample(time, "2026-11-29T09:30:00.000Z"),
  refusals: {
    type: "array",
    description:
      "By code, most first. Anybody can send an assertion that names any API user; counts lag by seconds, and are limited per node and hour",
    items: object({
      code: sample(text, "assertion_stale"),
      refusals: count,
      last_hour: { ...time, description: "Start of the last hour with such a refusal" },
    }),
  },
} as const);

export const UserRefusalsQuery = objectWith([], {
  hours: {
    type: "integer",
    minimum: 1,
    maximum: 168,
    description: "How many hours, the current one included. Default: 24",
  },
});
