import { viewer, type AdminRoutes } from "../http/route.ts";
import { Overview, OverviewQuery } from "./schemas.ts";

export const overviewRoutes = {
  getOverview: {
    method: "GET",
    path: "/overview",
    tag: "overview",
    access: viewer,
    summary: "What needs attention: keys that expire, are unused or weak; tokens, refusals, nodes and the last changes",
    query: OverviewQuery,
    answers: "item",
    data: Overview,
    refusals: ["not_found"],
  },
} as const satisfies AdminRoutes;
