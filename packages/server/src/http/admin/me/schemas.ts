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
  current: { ...flag, description: "It is this request's own" },
  method: { enum: ["passkey", "password", "recovery_code", "single_sign_on", "link"] },
  user_agent: text,
  address: text,
  created_at: time,
  authenticated_at: {
    ...timeOrNull,
    description: "When its holder last proved themselves; null where that isn't known",
  },
  last_seen_at: time,
  idle_ends_at: { ...time, description: "When it ends unless something is asked before" },
  ends_at: time,
});

export const Passkey = object({ id: count, label: text, created_at: time, last_used_at: timeOrNull });

/** Who asks. */
export const Me = object({
  kind: { enum: ["operator", "admin_token"] },
  actor: { ...text, description: "As the audit log has it" },
  role,
  account: textOrNull,
  operator: {
    anyOf: [
      object({
        id: count,
        email: text,
        has_password: flag,
        passkeys: count,
        recovery_codes: { ...count, description: "How many are left" },
        single_sign_on: flag,
      }),
      { type: "null" },
    ],
  },
  session: { anyOf: [Session, { type: "null" }] },
  service: object({
    public_url: { ...text, description: "Where clients reach the service" },
    version: text,
    store: { enum: ["sqlite", "postgresql"] },
  }),
} as const);

export const WebauthnOptions = object({ options: webauthn });

export const RecoveryCodes = object({
  recovery_codes: { type: "array", items: text, description: "Each good for one sign-in; shown this once" },
} as const);

export const PasswordChange = objectWith(["new_password"], {
  current_password: { ...password, description: "Needed where there is one" },
  new_password: password,
});

export const NewPasskey = objectWith(["response"], { response: webauthn, label: name });
