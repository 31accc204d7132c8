import { sample, email, flag, object, password, secret, text, webauthn } from "../http/schema.ts";

export const SignInOptions = object({
  setup_needed: { ...flag, description: "No operator exists yet; the server printed a set-up link at start" },
  passkeys: { ...flag, description: "Whether passkeys work at this address; they don't at an IP address" },
  single_sign_on: {
    anyOf: [
      object({ issuer: sample(text, "https://id.example.com"), name: sample(text, "Example") }),
      { type: "null" },
    ],
  },
} as const);

export const PasswordSignIn = object({ email, password });

export const PasskeyAnswer = object({ response: webauthn });

export const RecoverySignIn = object({ email, code: secret });
