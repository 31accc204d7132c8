import { access, count, flag, object, objectWith, text, textOrNull, time } from "../http/schema.ts";

export const Explanation = object({
  accepted: flag,
  code: { ...textOrNull, description: "The refusal that the exchange would answer with" },
  steps: {
    type: "array",
    items: objectWith(["check", "outcome", "detail"], {
      check: text,
      outcome: { enum: ["passed", "refused", "note"] },
      detail: text,
      hint: text,
    }),
  },
} as const);

export const TokenReport = objectWith(["active"], {
  active: flag,
  reason: { ...text, description: "Why the token is inactive" },
  username: text,
  user_id: count,
  account: text,
  access,
  key_id: count,
  expires_at: time,
});

export const AssertionText = objectWith(["assertion"], {
  assertion: { type: "string", maxLength: 65_536, description: "The assertion, or a whole Authorization header" },
  from: {
    type: "string",
    maxLength: 100,
    description: "The client's IP address, to check it against limits on networks",
  },
});

export const TokenText = object({ token: { type: "string", maxLength: 65_536 } });
