import { adminEverywhere, type AdminRoutes } from "../http/route.ts";
import { Diagnosis } from "./schemas.ts";

export const doctorRoutes = {
  getDiagnosis: {
    method: "GET",
    path: "/doctor",
    tag: "doctor",
    access: adminEverywhere,
    summary: "What this node finds wrong with itself, its store and its settings, and what to do",
    answers: "item",
    data: Diagnosis,
  },
} as const satisfies AdminRoutes;
