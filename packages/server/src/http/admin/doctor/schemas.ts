import { CHECKS } from "../../../core/doctor/catalogue.ts";
import { sample, count, object, text, textOrNull, time } from "../http/schema.ts";

const none = sample(count, 0);

const severity = { enum: ["ok", "info", "warning", "error"] } as const;

export const Diagnosis = object({
  examined_at: { ...time, description: "A few seconds ago at most: one examination answers all requests meanwhile" },
  node: { ...sample(text, "host-1"), description: "The host name of the machine that answers" },
  status: { enum: ["ok", "warning", "error"], description: "The worst severity; info counts as ok" },
  counts: object({ ok: count, info: none, warning: none, error: none }),
  findings: {
    type: "array",
    items: object({
      check: { enum: Object.keys(CHECKS) as (keyof typeof CHECKS)[] },
      title: { ...sample(text, "Configuration"), description: "The check's name for people" },
      code: { ...sample(text, "ok"), description: "A heading of docs/doctor.md; ok if the check found nothing" },
      severity,
      looked_at: sample(text, "flags and COUNTERSIGN_… variables"),
      found: sample(text, "Nothing is wrong."),
      fix: { ...textOrNull, description: "What to do" },
      docs: { ...textOrNull, description: "Where the finding is explained" },
    }),
  },
} as const);
