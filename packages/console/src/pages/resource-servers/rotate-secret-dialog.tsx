import { NativeSelect } from "@mantine/core";
import { useState } from "react";
import { useChange } from "../../api/queries.ts";
import { type ResourceServer, type ResourceServerWithSecret, rotateResourceServerSecret } from "../../api/service.ts";
import { FormDialog } from "../../forms/form-dialog.tsx";
import { useIdempotencyKey } from "../../forms/idempotency-key.ts";
import { RelativeTime } from "../../ui/relative-time.tsx";

/** How long the current secret keeps working, in seconds. */
const GRACE_PERIODS = [
  { value: "0", label: "Not at all: it ends now" },
  { value: "3600", label: "For 1 hour" },
  { value: "86400", label: "For 24 hours" },
  { value: "604800", label: "For 7 days" },
];

/** Makes a new secret, which is then shown once. The current one keeps working for a grace period. */
export function RotateSecretDialog({
  server,
  onClose,
  onRotated,
}: {
  readonly server: ResourceServer;
  readonly onClose: () => void;
  readonly onRotated: (server: ResourceServerWithSecret) => void;
}) {
  const key = useIdempotencyKey();
  const [grace, setGrace] = useState("86400");
  const rotation = useChange(() => rotateResourceServerSecret(server.name, Number(grace), key), onRotated);
  return (
    <FormDialog
      title={
        <>
          New secret for <bdi>{server.name}</bdi>
        </>
      }
      button="Make the new secret"
      isDangerous={grace === "0"}
      change={rotation}
      isReplaced
      onClose={onClose}
    >
      <NativeSelect
        label="The current secret keeps working"
        description="Long enough to give the API the new one."
        value={grace}
        onChange={(event) => setGrace(event.currentTarget.value)}
        data={GRACE_PERIODS}
      />
      {server.previous_secret_ends_at === null ? null : (
        <p className="soft">
          The secret before the current one, which would end <RelativeTime at={server.previous_secret_ends_at} />, ends
          at once.
        </p>
      )}
    </FormDialog>
  );
}
