import { type AdminRoutes } from "../http/route.ts";
import { Nothing } from "../http/schema.ts";
import { SignInCallback, SignInStart } from "./schemas.ts";

export const singleSignOnRoutes = {
  startSingleSignOn: {
    method: "GET",
    path: "/sign-in/single-sign-on",
    tag: "sign-in",
    access: "anyone",
    summary: "Leads the browser to the identity provider",
    query: SignInStart,
    answers: "other",
    data: Nothing,
    others: { 302: { description: "To the identity provider" } },
  },
  finishSingleSignOn: {
    method: "GET",
    path: "/sign-in/single-sign-on/callback",
    tag: "sign-in",
    access: "anyone",
    summary: "Where the identity provider leads the browser back to; sets the session's cookie",
    query: SignInCallback,
    answers: "other",
    data: Nothing,
    others: { 302: { description: "Back to the console, signed in or told why not" } },
  },
} as const satisfies AdminRoutes;
