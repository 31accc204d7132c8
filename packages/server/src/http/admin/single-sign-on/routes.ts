import { type AdminRoutes } from "../http/route.ts";
import { Nothing } from "../http/schema.ts";
import { SignInCallback, SignInStart } from "./schemas.ts";

export const singleSignOnRoutes = {
  startSingleSignOn: {
    method: "GET",
    path: "/sign-in/single-sign-on",
    tag: "sign-in",
    access: "anyone",
    summary: "Redirect the browser to the identity provider",
    query: SignInStart,
    answers: "other",
    data: Nothing,
    others: { 302: { description: "To the identity provider", type: "null" } },
    refusals: ["single_sign_on_failed"],
  },
  finishSingleSignOn: {
    method: "GET",
    path: "/sign-in/single-sign-on/callback",
    tag: "sign-in",
    access: "anyone",
    summary: "Callback of the identity provider; sets the session cookie",
    query: SignInCallback,
    answers: "other",
    data: Nothing,
    others: { 302: { description: "To the console, signed in or with an error code", type: "null" } },
  },
} as const satisfies AdminRoutes;
