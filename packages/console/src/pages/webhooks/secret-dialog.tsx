import type { WebhookWithSecret } from "../../api/webhooks.ts";
import { SecretOnce } from "../../ui/secret-once.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

/** Shows the secret of an endpoint once, after its creation or rotation. */
export function WebhookSecretDialog({
  webhook,
  onStored,
}: {
  readonly webhook: Pick<WebhookWithSecret, "id" | "secret">;
  readonly onStored: () => void;
}) {
  return (
    <SecretOnce
      title={t("secret.store")}
      about={
        <T
          id="webhooks.secretAbout"
          values={{
            id: webhook.id,
            link: (words) => (
              <a href="https://www.standardwebhooks.com" target="_blank" rel="noreferrer">
                {words}
              </a>
            ),
          }}
        />
      }
      kind="secret"
      secret={webhook.secret}
      onStored={onStored}
    />
  );
}
