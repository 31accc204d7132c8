import { viewer, type AdminRoutes } from "../http/route.ts";
import { Impact, ImpactQuery, UsageHours, UsageQuery } from "./schemas.ts";

export const usageRoutes = {
  getUsage: {
    method: "GET",
    path: "/usage",
    tag: "usage",
    access: viewer,
    summary: "Tokens issued per hour: by key, API user or account, or in total",
    query: UsageQuery,
    answers: "item",
    data: UsageHours,
  },
  getImpact: {
    method: "GET",
    path: "/impact",
    tag: "usage",
    access: viewer,
    summary: "Live tokens that deactivating a key, API user or account would end, and whose they are",
    query: ImpactQuery,
    answers: "item",
    data: Impact,
  },
} as const satisfies AdminRoutes;
