import { sample, count, email, object, objectWith, role, text, textOrNull, time } from "../http/schema.ts";

const invitation = {
  id: count,
  kind: sample({ enum: ["setup", "invitation", "reset"] }, "invitation"),
  email: sample(textOrNull, "ann@example.com"),
  role,
  account: textOrNull,
  created_by: sample(text, "admin-token:deploy"),
  created_at: time,
  expires_at: time,
} as const;

export const Invitation = object(invitation);

export const InvitationWithLink = object({
  ...invitation,
  link: {
    ...sample(textOrNull, "https://console.example.com/link#csiv_…"),
    description: "Works once; shown only in this response; null if the request repeats an earlier creation",
  },
});

export const NewInvitation = objectWith(["email", "role"], {
  email,
  role,
  account: { type: ["string", "null"], maxLength: 1000, description: "Limits the grant to one account" },
});
