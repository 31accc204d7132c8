import { type AdminRoutes } from "../http/route.ts";
import { InvitationAnswer, InvitationLook, InvitationPasskeyQuestion, LinkText } from "./schemas.ts";
import { RecoveryCodes, WebauthnOptions } from "../me/schemas.ts";

export const linkRoutes = {
  lookAtLink: {
    method: "POST",
    path: "/links/look",
    tag: "sign-in",
    access: "anyone",
    summary: "Show what a one-time link is for, without using it up",
    body: LinkText,
    answers: "item",
    data: InvitationLook,
    refusals: ["link_invalid"],
  },
  startLinkPasskey: {
    method: "POST",
    path: "/links/passkey/options",
    tag: "sign-in",
    access: "anyone",
    summary: "Get the options for navigator.credentials.create, as the holder of a one-time link",
    body: InvitationPasskeyQuestion,
    answers: "item",
    data: WebauthnOptions,
    refusals: ["link_invalid", "conflict"],
  },
  useLink: {
    method: "POST",
    path: "/links/use",
    tag: "sign-in",
    access: "anyone",
    summary:
      "Use a one-time link: set a passkey, a password or both; sets the session cookie and returns recovery codes",
    body: InvitationAnswer,
    answers: "item",
    data: RecoveryCodes,
    refusals: ["link_invalid", "conflict"],
  },
} as const satisfies AdminRoutes;
