import type { Webhook } from "../../api/webhooks.ts";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { StatusBadge } from "../../ui/status-badge.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

const REASONS = {
  failing: t("webhooks.disabledFailing"),
  gone: t("webhooks.disabledGone"),
} as const;

/** Whether an endpoint gets events, and if not, why. */
export function WebhookStatus({ webhook }: { readonly webhook: Webhook }) {
  const { status, disabled_reason: reason, failed_attempts: attempts, next_attempt_at: nextAt } = webhook;
  if (status === "active" && attempts > 0) {
    return (
      <span>
        <StatusBadge status="failing" />{" "}
        {nextAt === null ? null : (
          <span className="faint">
            <T id="webhooks.triesAgain" values={{ nextAt: <RelativeTime at={nextAt} /> }} />
          </span>
        )}
      </span>
    );
  }
  return (
    <span>
      <StatusBadge status={status} />
      {reason === null ? null : <span className="faint"> {REASONS[reason]}</span>}
    </span>
  );
}
