import { sample, access, count, flag, object, objectWith, text, textOrNull, time } from "../http/schema.ts";

export const Explanation = object({
  accepted: flag,
  code: { ...sample(textOrNull, "assertion_stale"), description: "The refusal that the exchange would answer with" },
  steps: {
    type: "array",
    items: objectWith(["check", "outcome", "detail"], {
      check: sample(text, "iat"),
      outcome: sample({ enum: ["passed", "refused", "note"] }, "refused"),
      detail: sample(text, "The assertion's iat is 93.2 s in the past; 60 s are allowed."),
      hint: text,
    }),
  },
} as const);

export const TokenReport = sample(
  objectWith(["active"], {
    active: flag,
    reason: { ...text, description: "Why the token is inactive" },
    username: text,
    user_id: count,
    account: text,
    access,
    key_id: count,
    expires_at: time,
  }),
  { active: false, reason: "key_deactivated" },
);

export const AssertionText = objectWith(["assertion"], {
  assertion: {
    type: "string",
    maxLength: 65_536,
    description: "The assertion, or a whole Authorization header",
    examples: ["eyJ…"],
  },
  from: {
    type: "string",
    maxLength: 100,
    description: "The client's IP address, to check it against limits on networks",
  },
});

export const TokenText = object({ token: { type: "string", maxLength: 65_536, examples: ["1.…"] } });
