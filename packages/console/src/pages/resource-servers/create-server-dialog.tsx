import { useState } from "react";
import { useChange } from "../../api/queries.ts";
import { createResourceServer, type ResourceServerWithSecret } from "../../api/service.ts";
import { FormDialog, fieldProblem } from "../../forms/form-dialog.tsx";
import { useIdempotencyKey } from "../../forms/idempotency-key.ts";
import { NameField } from "../../forms/name-field.tsx";
import { t } from "../../text/t.ts";

/** Creates a resource server, whose secret is then shown once. */
export function CreateServerDialog({
  onClose,
  onCreated,
}: {
  readonly onClose: () => void;
  readonly onCreated: (server: Pick<ResourceServerWithSecret, "client_id" | "client_secret">) => void;
}) {
  const key = useIdempotencyKey();
  const [name, setName] = useState("");
  const creation = useChange(() => createResourceServer(name.trim(), key), onCreated);
  return (
    <FormDialog
      title={t("resourceServers.newResourceServer")}
      button={t("resourceServers.createResourceServer")}
      change={creation}
      isReplaced
      fields={["name"]}
      onClose={onClose}
    >
      <NameField
        label={t("common.name")}
        description={t("resourceServers.nameHint")}
        placeholder={t("resourceServers.nameExample")}
        hasFocus
        value={name}
        problem={fieldProblem(creation.error, "name")}
        onChange={setName}
      />
    </FormDialog>
  );
}
