import { type AdminRoutes } from "../http/route.ts";
import { Me, WebauthnOptions } from "../me/schemas.ts";
import { PasskeyAnswer, PasswordSignIn, RecoverySignIn, SignInOptions } from "./schemas.ts";

export const signInRoutes = {
  getSignInOptions: {
    method: "GET",
    path: "/sign-in/options",
    tag: "sign-in",
    access: "anyone",
    summary: "Available sign-in methods",
    answers: "item",
    data: SignInOptions,
  },
  signInByPassword: {
    method: "POST",
    path: "/sign-in/password",
    tag: "sign-in",
    access: "anyone",
    summary: "Sign in with e-mail address and password; sets the session cookie",
    body: PasswordSignIn,
    answers: "item",
    data: Me,
    refusals: ["sign_in_rejected", "rate_limited"],
  },
  startPasskeySignIn: {
    method: "POST",
    path: "/sign-in/passkey/options",
    tag: "sign-in",
    access: "anyone",
    summary: "Get the options for navigator.credentials.get",
    answers: "item",
    data: WebauthnOptions,
    refusals: ["conflict"],
  },
  signInByPasskey: {
    method: "POST",
    path: "/sign-in/passkey",
    tag: "sign-in",
    access: "anyone",
    summary: "Sign in with a passkey; sets the session cookie",
    body: PasskeyAnswer,
    answers: "item",
    data: Me,
    refusals: ["sign_in_rejected", "rate_limited", "conflict"],
  },
  signInByRecoveryCode: {
    method: "POST",
    path: "/sign-in/recovery-code",
    tag: "sign-in",
    access: "anyone",
    summary: "Sign in with a recovery code, which works once; sets the session cookie",
    body: RecoverySignIn,
    answers: "item",
    data: Me,
    refusals: ["sign_in_rejected", "rate_limited"],
  },
} as const satisfies AdminRoutes;
