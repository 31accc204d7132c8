import { sample, count, flag, object, objectWith, shortname, text, time } from "../http/schema.ts";
import { AuditEvent } from "../audit/schemas.ts";
import { Node } from "../signing-keys/schemas.ts";

/** Counted as far as lists count: 10001 stands for more than 10000. */
const counted = { ...count, maximum: 10_001, description: "10001 stands for more than 10000" } as const;

const none = sample(counted, 0);

const ofService = { description: "Left out for one account, and if the caller is limited to one" } as const;

export const Overview = objectWith(
  ["tokens", "accounts", "users", "users_by_status", "keys", "first_steps", "changes"],
  {
    tokens: {
      type: "array",
      description: "Hours of the last 24 in which tokens were issued, with their number",
      items: object({ hour: { ...time, description: "Start of the hour" }, tokens: count }),
    },
    refusals: {
      ...ofService,
      type: "array",
      items: object({
        code: sample(text, "assertion_stale"),
        refusals: { ...count, description: "Requests of clients refused in the last 24 hours" },
      }),
    },
    accounts: counted,
    users: counted,
    users_by_status: object({ active: counted, deactivated: none }),
    keys: object({
      active: counted,
      deactivated: none,
      expiring_1d: none,
      expiring_7d: none,
      expiring_30d: none,
      unused_90d: none,
      weak: none,
    }),
    nodes: { ...ofService, type: "array", items: Node },
    first_steps: {
      anyOf: [object({ user: flag, key: flag, token: flag, check: flag }), { type: "null" }],
      description:
        "Which first steps are done: an API user, a key, a token issued, a token checked; null if there are more API users than a newcomer has",
    },
    changes: { type: "array", description: "The last ten changes, newest first", items: AuditEvent },
  } as const,
);

export const OverviewQuery = objectWith([], {
  account: { ...shortname, description: "Only what belongs to this account" },
});
