import type { Webhook } from "../../webhooks/model.ts";
import { type Observation, observe, type Problem } from "../finding.ts";

const HOUR_MS = 3_600_000;

/** Looks at the endpoints' state. Their URLs may hold secrets and aren't named. */
export function checkWebhooks(
  webhooks: readonly Pick<Webhook, "id" | "label" | "status" | "disabledReason" | "failingSinceMs" | "attempts">[],
  nowMs: number,
): Observation {
  const nameOf = ({ id, label }: Pick<Webhook, "id" | "label">) =>
    label === null ? `Webhook ${id}` : `Webhook ${id} (${label})`;
  return observe(
    webhooks.length === 0
      ? "There are no webhook endpoints."
      : `All webhook endpoints (${webhooks.length}) get their events.`,
    ...webhooks.flatMap((webhook): Problem[] => {
      const { status, disabledReason, failingSinceMs, attempts } = webhook;
      if (disabledReason !== null) {
        const reason = disabledReason === "gone" ? "it answered 410 Gone" : "it failed for too long";
        return [{ code: "webhook_disabled", found: `${nameOf(webhook)} was deactivated, because ${reason}.` }];
      }
      if (status !== "active" || failingSinceMs === null || nowMs - failingSinceMs <= HOUR_MS) return [];
      const hours = Math.floor((nowMs - failingSinceMs) / HOUR_MS);
      return [{ code: "webhook_failing", found: `${nameOf(webhook)} has failed for ${hours} h, ${attempts} times.` }];
    }),
  );
}
