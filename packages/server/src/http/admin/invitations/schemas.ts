import { count, email, object, objectWith, role, text, textOrNull, time } from "../http/schema.ts";

const invitation = {
  id: count,
  kind: { enum: ["setup", "invitation", "reset"] },
  email: textOrNull,
  role,
  account: textOrNull,
  created_by: text,
  created_at: time,
  expires_at: time,
} as const;

export const Invitation = object(invitation);

export const InvitationWithLink = object({
  ...invitation,
  link: {
    ...textOrNull,
    description: "Works once; shown only in this response; null if the request repeats an earlier creation",
  },
});

export const NewInvitation = objectWith(["email", "role"], {
  email,
  role,
  account: { type: ["string", "null"], maxLength: 1000, description: "Limits the grant to one account" },
});
