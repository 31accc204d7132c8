import { objectWith, text } from "../http/schema.ts";

export const SignInStart = objectWith([], {
  return_to: { type: "string", maxLength: 2000, description: "The path in the console to return to" },
  fresh: {
    type: "boolean",
    description: "Require a new login at the identity provider, for operations that need a fresh sign-in",
  },
});

/** What the identity provider sends back (OpenID Connect Core §3.1.2.5 and 6), and whatever else; its library checks it. */
export const SignInCallback = {
  type: "object",
  properties: { code: text, state: text, iss: text, error: text },
  required: [],
  additionalProperties: true,
} as const;
