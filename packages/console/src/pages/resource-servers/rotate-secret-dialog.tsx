import { NativeSelect } from "@mantine/core";
import { useState } from "react";
import { useChange } from "../../api/queries.ts";
import { type ResourceServer, type ResourceServerWithSecret, rotateResourceServerSecret } from "../../api/service.ts";
import { FormDialog } from "../../forms/form-dialog.tsx";
import { useIdempotencyKey } from "../../forms/idempotency-key.ts";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

/** How long the current secret keeps working, in seconds. */
const GRACE_PERIODS = [
  { value: "0", label: t("secret.endsNow") },
  { value: "3600", label: t("secret.forOneHour") },
  { value: "86400", label: t("secret.for24Hours") },
  { value: "604800", label: t("secret.for7Days") },
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
      title={<T id="resourceServers.newSecretTitle" values={{ name: <bdi>{server.name}</bdi> }} />}
      button={t("secret.makeNew")}
      isDangerous={grace === "0"}
      change={rotation}
      isReplaced
      onClose={onClose}
    >
      <NativeSelect
        label={t("resourceServers.overlap")}
        description={t("resourceServers.overlapHint")}
        value={grace}
        onChange={(event) => setGrace(event.currentTarget.value)}
        data={GRACE_PERIODS}
      />
      {server.previous_secret_ends_at === null ? null : (
        <p className="soft">
          <T
            id="secret.previousEndsAtOnce"
            values={{ previousSecretEndsAt: <RelativeTime at={server.previous_secret_ends_at} /> }}
          />
        </p>
      )}
    </FormDialog>
  );
}
