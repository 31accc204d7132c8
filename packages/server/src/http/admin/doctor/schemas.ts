import { CHECKS } from "../../../core/doctor/catalogue.ts";
import { count, object, text, textOrNull, time } from "../http/schema.ts";

const severity = { enum: ["ok", "info", "warning", "error"] } as const;

export const Diagnosis = object({
  examined_at: { ...time, description: "A few seconds ago at most: one examination answers all requests meanwhile" },
  node: { ...text, description: "The host name of the machine that answers" },
  status: { enum: ["ok", "warning", "error"], description: "The worst severity; info counts as ok" },
  counts: object({ ok: count, info: count, warning: count, error: count }),
  findings: {
    type: "array",
    items: object({
      check: { enum: Object.keys(CHECKS) as (keyof typeof CHECKS)[] },
      title: { ...text, description: "The check's name for people" },
      code: { ...text, description: "A heading of docs/doctor.md; ok if the check found nothing" },
      severity,
      looked_at: text,
      found: text,
      fix: { ...textOrNull, description: "What to do" },
      docs: { ...textOrNull, description: "Where the finding is explained" },
    }),
  },
} as const);
