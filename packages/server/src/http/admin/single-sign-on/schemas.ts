import { objectWith, text } from "../http/schema.ts";

export const SignInStart = objectWith([], {
  return_to: { type: "string", maxLength: 2000, description: "A path of the console" },
  fresh: { type: "boolean", description: "The identity provider has to ask anew, for what needs a fresh sign-in" },
});

/** What the identity provider sends back (OpenID Connect Core §3.1.2.5 and 6), and whatever else; its library checks it. */
export const SignInCallback = {
  type: "object",
  properties: { code: text, state: text, iss: text, error: text },
  required: [],
  additionalProperties: true,
} as const;
