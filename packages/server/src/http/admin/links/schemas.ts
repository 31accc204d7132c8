import { email, name, object, objectWith, password, role, secret, textOrNull, time, webauthn } from "../http/schema.ts";

export const InvitationLook = object({
  kind: { enum: ["setup", "invitation", "reset"] },
  email: textOrNull,
  role,
  account: textOrNull,
  expires_at: time,
});

export const LinkText = object({ token: secret });

export const InvitationPasskeyQuestion = objectWith(["token"], { token: secret, email });

export const InvitationAnswer = objectWith(["token"], {
  token: secret,
  email: { ...email, description: "Only for the set-up link: the first owner's address" },
  password,
  passkey: objectWith(["response"], { response: webauthn, label: name }),
});
