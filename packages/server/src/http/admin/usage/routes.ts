import { viewer, type AdminRoutes } from "../http/route.ts";
import { Impact, ImpactQuery, UsageHours, UsageQuery } from "./schemas.ts";

export const usageRoutes = {
  getUsage: {
    method: "GET",
    path: "/usage",
    tag: "usage",
    access: viewer,
    summary: "Tokens issued an hour: under a key, to a user, in an account, or in all",
    query: UsageQuery,
    answers: "item",
    data: UsageHours,
  },
  getImpact: {
    method: "GET",
    path: "/impact",
    tag: "usage",
    access: viewer,
    summary: "How many live tokens end where a key, a user or an account is switched off, and whose they are",
    query: ImpactQuery,
    answers: "item",
    data: Impact,
  },
} as const satisfies AdminRoutes;
