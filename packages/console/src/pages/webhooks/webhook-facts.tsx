import type { Webhook } from "../../api/webhooks.ts";
import { Fact, Facts } from "../../ui/facts.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { WebhookStatus } from "./webhook-status.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

/** What is known about an endpoint. @param webhook `undefined` while it is loading */
export function WebhookFacts({ webhook }: { readonly webhook: Webhook | undefined }) {
  return (
    <Facts>
      <Fact label={t("common.status")}>{webhook && <WebhookStatus webhook={webhook} />}</Fact>
      <Fact label={t("webhooks.url")}>{webhook && <bdi className="mono">{webhook.url}</bdi>}</Fact>
      <Fact label={t("webhooks.events")}>
        {webhook && (webhook.events.includes("*") ? t("webhooks.all") : <code>{webhook.events.join(", ")}</code>)}
      </Fact>
      <Fact label={t("common.account")}>
        {webhook && (webhook.account === null ? t("webhooks.all") : <bdi>{webhook.account}</bdi>)}
      </Fact>
      <Fact label={t("webhooks.failedAttempts")}>
        {webhook && <span className="number">{webhook.failed_attempts}</span>}
      </Fact>
      <Fact label={t("webhooks.failingSince")}>
        {webhook && <RelativeTime at={webhook.failing_since} never={t("webhooks.notFailing")} />}
      </Fact>
      <Fact label={t("webhooks.lastDelivered")}>{webhook && <RelativeTime at={webhook.last_delivered_at} />}</Fact>
      <Fact label={t("common.previousSecret")}>
        {webhook &&
          (webhook.previous_secret_ends_at === null ? (
            <span className="faint">{t("webhooks.none")}</span>
          ) : (
            <T
              id="webhooks.ends"
              values={{ previousSecretEndsAt: <RelativeTime at={webhook.previous_secret_ends_at} /> }}
            />
          ))}
      </Fact>
      <Fact label={t("common.created")}>{webhook && <RelativeTime at={webhook.created_at} />}</Fact>
    </Facts>
  );
}
