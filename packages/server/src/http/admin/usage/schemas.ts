import { count, object, objectWith, shortname, text, time, timeOrNull } from "../http/schema.ts";

export const Impact = object({
  live_tokens: {
    ...count,
    description: "Tokens that would be dead: issued and not expired; may be a few too many, and lags a few seconds",
  },
  clients: {
    type: "array",
    description: "The API users whose tokens those are, most tokens first; at most 20",
    items: object({ username: text, live_tokens: count, last_used_at: timeOrNull }),
  },
  client_count: count,
} as const);

export const UsageHours = object({
  from: time,
  until: time,
  hours: {
    type: "array",
    description: "Hours in which tokens were issued; the others are left out",
    items: object({ hour: { ...time, description: "When it began" }, tokens: count }),
  },
} as const);

export const UsageQuery = objectWith([], {
  account: shortname,
  username: { type: "string", maxLength: 200 },
  key_id: { type: "integer", minimum: 1 },
  from: { ...time, description: "Rounded down to the hour; 24 hours ago unless given" },
  until: { ...time, description: "Exclusive; now unless given. At most 92 days after from" },
});

export const ImpactQuery = objectWith([], {
  account: shortname,
  username: { type: "string", maxLength: 200 },
  key_id: { type: "integer", minimum: 1 },
});
