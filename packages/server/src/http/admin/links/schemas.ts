import {
  sample,
  email,
  name,
  object,
  objectWith,
  password,
  role,
  secret,
  textOrNull,
  time,
  webauthn,
} from "../http/schema.ts";

export const InvitationLook = object({
  kind: sample({ enum: ["setup", "invitation", "reset"] }, "invitation"),
  email: sample(textOrNull, "ann@example.com"),
  role,
  account: textOrNull,
  expires_at: time,
});

export const LinkText = object({ token: secret });

export const InvitationPasskeyQuestion = objectWith(["token"], { token: secret, email });

export const InvitationAnswer = sample(
  objectWith(["token"], {
    token: secret,
    email: { ...email, description: "Only for the set-up link: the first owner's address" },
    password,
    passkey: objectWith(["response"], { response: webauthn, label: name }),
  }),
  { token: "…", password: "a long passphrase of your own" },
);
