import { viewer, type AdminRoutes } from "../http/route.ts";
import { UsernameParam } from "../users/schemas.ts";
import { Impact, ImpactQuery, UsageHours, UsageQuery, UserRefusals, UserRefusalsQuery } from "./schemas.ts";

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
    refusals: ["not_found"],
  },
  getUserRefusals: {
    method: "GET",
    path: "/users/:username/refusals",
    tag: "usage",
    access: viewer,
    summary: "Refused assertions that named an API user, by code",
    params: UsernameParam,
    query: UserRefusalsQuery,
    answers: "item",
    data: UserRefusals,
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
    refusals: ["not_found"],
  },
} as const satisfies AdminRoutes;
