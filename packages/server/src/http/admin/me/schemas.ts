import {
  sample,
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
  current: { ...sample(flag, true), description: "This is the session of the request" },
  method: { enum: ["passkey", "password", "recovery_code", "single_sign_on", "link"] },
  user_agent: sample(text, "Mozilla/5.0"),
  address: sample(text, "198.51.100.7"),
  created_at: time,
  authenticated_at: {
    ...timeOrNull,
    description: "When the operator last proved their identity; null if unknown",
  },
  last_seen_at: time,
  idle_ends_at: { ...time, description: "When the session ends if it isn't used before" },
  ends_at: time,
});

export const Passkey = object({ id: count, label: sample(text, "laptop"), created_at: time, last_used_at: timeOrNull });

/** Who asks. */
export const Me = object({
  kind: { enum: ["operator", "admin_token"] },
  actor: { ...sample(text, "operator:ann@example.com"), description: "The caller's name in the audit log" },
  role,
  account: textOrNull,
  operator: {
    anyOf: [
      object({
        id: count,
        email: sample(text, "ann@example.com"),
        has_password: flag,
        passkeys: count,
        recovery_codes: { ...count, description: "Number of unused recovery codes" },
        single_sign_on: flag,
      }),
      { type: "null" },
    ],
  },
  session: { anyOf: [Session, { type: "null" }] },
  token: {
    anyOf: [
      object({ name: sample(text, "deploy"), operator: textOrNull, host_name: textOrNull, expires_at: timeOrNull }),
      { type: "null" },
    ],
    description: "The admin token of the request",
  },
  service: object({
    public_url: {
      ...sample(text, "https://auth.example.com"),
      description: "The URL at which clients reach the service",
    },
    version: sample(text, "1.0.0"),
    store: { enum: ["sqlite", "postgresql"] },
    key_proof: { enum: ["optional", "required"], description: "Whether a new key needs a proof of possession" },
  }),
} as const);

/** A command line that the operator signed in. */
export const CommandLine = object({
  id: count,
  name: { ...sample(text, "cli-ann@example.com-wdjbmj"), description: "The name of its admin token in the audit log" },
  host_name: { ...sample(text, "laptop"), description: "The machine's name, as the command line said it" },
  role,
  account: textOrNull,
  created_at: time,
  expires_at: timeOrNull,
  last_used_at: timeOrNull,
});

export const WebauthnOptions = object({ options: sample(webauthn, { challenge: "…" }) });

export const RecoveryCodes = object({
  recovery_codes: {
    type: "array",
    items: sample(text, "…"),
    description: "Each works for one sign-in; shown only in this response",
  },
} as const);

export const PasswordChange = objectWith(["new_password"], {
  current_password: { ...password, description: "Required if you have a password" },
  new_password: password,
});

export const NewPasskey = objectWith(["response"], { response: webauthn, label: name });
