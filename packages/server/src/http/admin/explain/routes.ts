import { viewer, type AdminRoutes } from "../http/route.ts";
import { AssertionText, Explanation, TokenReport, TokenText } from "./schemas.ts";

export const explainRoutes = {
  explainAssertion: {
    method: "POST",
    path: "/explain",
    tag: "explain",
    access: viewer,
    summary: "Why the exchange would accept or refuse an assertion now, check by check",
    body: AssertionText,
    answers: "item",
    data: Explanation,
  },
  checkToken: {
    method: "POST",
    path: "/check",
    tag: "explain",
    access: viewer,
    summary: "Whose token this is, or why it isn't good",
    body: TokenText,
    answers: "item",
    data: TokenReport,
  },
} as const satisfies AdminRoutes;
