import { NativeSelect } from "@mantine/core";
import { useState } from "react";
import { useChange } from "../../api/queries.ts";
import { rotateWebhookSecret, type Webhook, type WebhookWithSecret } from "../../api/webhooks.ts";
import { FormDialog } from "../../forms/form-dialog.tsx";
import { useIdempotencyKey } from "../../forms/idempotency-key.ts";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

/** How long the current secret signs too, in seconds. */
const OVERLAPS = [
  { value: "0", label: t("secret.endsNow") },
  { value: "3600", label: t("secret.forOneHour") },
  { value: "86400", label: t("secret.for24Hours") },
  { value: "604800", label: t("secret.for7Days") },
];

/** Makes a new secret, which is then shown once. For an overlap, each delivery carries a signature by either secret. */
export function RotateWebhookDialog({
  webhook,
  onClose,
  onRotated,
}: {
  readonly webhook: Webhook;
  readonly onClose: () => void;
  readonly onRotated: (webhook: WebhookWithSecret) => void;
}) {
  const key = useIdempotencyKey();
  const [overlap, setOverlap] = useState("86400");
  const rotation = useChange(() => rotateWebhookSecret(webhook.id, Number(overlap), key), onRotated);
  return (
    <FormDialog
      title={t("webhooks.newSecretTitle", { id: webhook.id })}
      button={t("secret.makeNew")}
      isDangerous={overlap === "0"}
      change={rotation}
      isReplaced
      onClose={onClose}
    >
      <NativeSelect
        label={t("webhooks.overlap")}
        description={t("webhooks.overlapHint")}
        value={overlap}
        onChange={(event) => setOverlap(event.currentTarget.value)}
        data={OVERLAPS}
      />
      {webhook.previous_secret_ends_at === null ? null : (
        <p className="soft">
          <T
            id="secret.previousEndsAtOnce"
            values={{ previousSecretEndsAt: <RelativeTime at={webhook.previous_secret_ends_at} /> }}
          />
        </p>
      )}
    </FormDialog>
  );
}
