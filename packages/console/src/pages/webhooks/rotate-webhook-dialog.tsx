import { NativeSelect } from "@mantine/core";
import { useState } from "react";
import { useChange } from "../../api/queries.ts";
import { rotateWebhookSecret, type Webhook, type WebhookWithSecret } from "../../api/webhooks.ts";
import { FormDialog } from "../../forms/form-dialog.tsx";
import { useIdempotencyKey } from "../../forms/idempotency-key.ts";
import { RelativeTime } from "../../ui/relative-time.tsx";

/** How long the current secret signs too, in seconds. */
const OVERLAPS = [
  { value: "0", label: "Not at all: it ends now" },
  { value: "3600", label: "For 1 hour" },
  { value: "86400", label: "For 24 hours" },
  { value: "604800", label: "For 7 days" },
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
      title={`New secret for webhook endpoint ${webhook.id}`}
      button="Make the new secret"
      isDangerous={overlap === "0"}
      change={rotation}
      isReplaced
      onClose={onClose}
    >
      <NativeSelect
        label="The current secret signs too"
        description="Long enough to give the receiver the new one."
        value={overlap}
        onChange={(event) => setOverlap(event.currentTarget.value)}
        data={OVERLAPS}
      />
      {webhook.previous_secret_ends_at === null ? null : (
        <p className="soft">
          The secret before the current one, which would end <RelativeTime at={webhook.previous_secret_ends_at} />, ends
          at once.
        </p>
      )}
    </FormDialog>
  );
}
