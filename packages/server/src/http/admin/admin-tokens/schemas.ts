import { ADMIN_TOKEN_DAYS_DEFAULT, ADMIN_TOKEN_DAYS_MAX } from "@countersign/protocol";
import { sample, count, name, object, objectWith, role, text, textOrNull, time, timeOrNull } from "../http/schema.ts";

const adminToken = {
  id: count,
  name: sample(text, "deploy"),
  role,
  account: textOrNull,
  status: { enum: ["active", "expired", "revoked"] },
  created_by: sample(text, "admin-token:deploy"),
  created_at: time,
  expires_at: timeOrNull,
  last_used_at: timeOrNull,
  operator: {
    ...textOrNull,
    description: "The operator whom it is bound to: it allows no more than they may, and ends with them",
  },
  host_name: {
    ...textOrNull,
    description: "Of a command line that an operator signed in: its machine, as it said itself",
  },
} as const;

export const AdminToken = object(adminToken);

export const AdminTokenWithSecret = object({
  ...adminToken,
  token: {
    ...sample(textOrNull, "csat_…"),
    description: "csat_…; shown only in this response; null if the request repeats an earlier creation",
  },
});

export const NewAdminToken = objectWith(["name", "role"], {
  name: sample(name, "deploy"),
  role,
  account: { type: ["string", "null"], maxLength: 1000, description: "Limits the grant to one account" },
  expires_at: {
    anyOf: [timeOrNull, { enum: ["never"] }],
    description: `A time at most ${ADMIN_TOKEN_DAYS_MAX} days ahead, or never; in ${ADMIN_TOKEN_DAYS_DEFAULT} days, unless given. Of a token that a token makes: no later than its own, and never is refused`,
  },
});
