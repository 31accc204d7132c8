import type { WebhookWithSecret } from "../../api/webhooks.ts";
import { SecretOnce } from "../../ui/secret-once.tsx";

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
      title="Store the secret"
      about={
        <>
          The receiver of webhook endpoint {webhook.id} checks each delivery with this secret, as{" "}
          <a href="https://www.standardwebhooks.com" target="_blank" rel="noreferrer">
            Standard Webhooks
          </a>{" "}
          describes.
        </>
      }
      name="secret"
      secret={webhook.secret}
      onStored={onStored}
    />
  );
}
