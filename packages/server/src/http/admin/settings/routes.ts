import { adminEverywhere, type AdminRoutes } from "../http/route.ts";
import { Setting } from "./schemas.ts";

export const settingsRoutes = {
  getSettings: {
    method: "GET",
    path: "/settings",
    tag: "settings",
    access: adminEverywhere,
    summary: "List the effective configuration; secrets are masked",
    answers: "list",
    data: Setting,
  },
} as const satisfies AdminRoutes;
