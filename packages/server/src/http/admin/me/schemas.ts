import {
  count,
  flag,
  name,
  object,
  objectWith,
  password,
  role,
  text,
  textOrNull,
  time,
  timeOrNull,
  webauthn,
} from "../http/schema.ts";

export const Session = object({
  id: count,
  current: { ...flag, description: "This is the session of the request" },
  method: { enum: ["passkey", "password", "recovery_code", "single_sign_on", "link"] },
  user_agent: text,
  address: text,
  created_at: time,
  authenticated_at: {
    ...timeOrNull,
    description: "When the operator last proved their identity; null if unknown",
  },
  last_seen_at: time,
  idle_ends_at: { ...time, description: "When the session ends if it isn't used before" },
  ends_at: time,
});

export const Passkey = object({ id: count, label: text, created_at: time, last_used_at: timeOrNull });

/** Who asks. */
export const Me = object({
  kind: { enum: ["operator", "admin_token"] },
  actor: { ...text, description: "The caller's name in the audit log" },
  role,
  account: textOrNull,
  operator: {
    anyOf: [
      object({
        id: count,
        email: text,
        has_password: flag,
        passkeys: count,
        recovery_codes: { ...count, description: "Number of unused recovery codes" },
        single_sign_on: flag,
      }),
      { type: "null" },
    ],
  },
  session: { anyOf: [Session, { type: "null" }] },
  service: object({
    public_url: { ...text, description: "The URL at which clients reach the service" },
    version: text,
    store: { enum: ["sqlite", "postgresql"] },
    key_proof: { enum: ["optional", "required"], description: "Whether a new key needs a proof of possession" },
  }),
} as const);

export const WebauthnOptions = object({ options: webauthn });

export const RecoveryCodes = object({
  recovery_codes: {
    type: "array",
    items: text,
    description: "Each works for one sign-in; shown only in this response",
  },
} as const);

export const PasswordChange = objectWith(["new_password"], {
  current_password: { ...password, description: "Required if you have a password" },
  new_password: password,
});

export const NewPasskey = objectWith(["response"], { response: webauthn, label: name });
