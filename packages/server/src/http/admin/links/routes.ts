import { type AdminRoutes } from "../http/route.ts";
import { InvitationAnswer, InvitationLook, InvitationPasskeyQuestion, LinkText } from "./schemas.ts";
import { RecoveryCodes, WebauthnOptions } from "../me/schemas.ts";

export const linkRoutes = {
  lookAtLink: {
    method: "POST",
    path: "/links/look",
    tag: "sign-in",
    access: "anyone",
    summary: "What a one-time link is for; doesn't use it up",
    body: LinkText,
    answers: "item",
    data: InvitationLook,
  },
  startLinkPasskey: {
    method: "POST",
    path: "/links/passkey/options",
    tag: "sign-in",
    access: "anyone",
    summary: "What navigator.credentials.create takes, for whoever has a one-time link",
    body: InvitationPasskeyQuestion,
    answers: "item",
    data: WebauthnOptions,
  },
  useLink: {
    method: "POST",
    path: "/links/use",
    tag: "sign-in",
    access: "anyone",
    summary:
      "Use a one-time link up: with a passkey, a password or both; sets the session's cookie, and gives recovery codes",
    body: InvitationAnswer,
    answers: "item",
    data: RecoveryCodes,
  },
} as const satisfies AdminRoutes;
