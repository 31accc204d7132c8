import { type AdminRoutes } from "../http/route.ts";
import { Me, WebauthnOptions } from "../me/schemas.ts";
import { PasskeyAnswer, PasswordSignIn, RecoverySignIn, SignInOptions } from "./schemas.ts";

export const signInRoutes = {
  getSignInOptions: {
    method: "GET",
    path: "/sign-in/options",
    tag: "sign-in",
    access: "anyone",
    summary: "How one can sign in here",
    answers: "item",
    data: SignInOptions,
  },
  signInByPassword: {
    method: "POST",
    path: "/sign-in/password",
    tag: "sign-in",
    access: "anyone",
    summary: "Sign in by e-mail address and password; sets the session's cookie",
    body: PasswordSignIn,
    answers: "item",
    data: Me,
  },
  startPasskeySignIn: {
    method: "POST",
    path: "/sign-in/passkey/options",
    tag: "sign-in",
    access: "anyone",
    summary: "What navigator.credentials.get takes",
    answers: "item",
    data: WebauthnOptions,
  },
  signInByPasskey: {
    method: "POST",
    path: "/sign-in/passkey",
    tag: "sign-in",
    access: "anyone",
    summary: "Sign in by passkey; sets the session's cookie",
    body: PasskeyAnswer,
    answers: "item",
    data: Me,
  },
  signInByRecoveryCode: {
    method: "POST",
    path: "/sign-in/recovery-code",
    tag: "sign-in",
    access: "anyone",
    summary: "Sign in by a recovery code, which is then used up; sets the session's cookie",
    body: RecoverySignIn,
    answers: "item",
    data: Me,
  },
} as const satisfies AdminRoutes;
