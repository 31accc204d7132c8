import { viewer, type AdminRoutes } from "../http/route.ts";
import { AssertionText, Explanation, TokenReport, TokenText } from "./schemas.ts";

export const explainRoutes = {
  explainAssertion: {
    method: "POST",
    path: "/explain",
    tag: "explain",
    access: viewer,
    summary: "Explain, check by check, why the exchange would accept or refuse an assertion",
    body: AssertionText,
    answers: "item",
    data: Explanation,
  },
  checkToken: {
    method: "POST",
    path: "/check",
    tag: "explain",
    access: viewer,
    summary: "Check a token: whose it is, or why it is inactive",
    body: TokenText,
    answers: "item",
    data: TokenReport,
  },
} as const satisfies AdminRoutes;
