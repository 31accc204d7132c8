import { useState } from "react";
import { useMe } from "../../api/me.ts";
import { createAdminToken, type NewGrant } from "../../api/operators.ts";
import { useChange } from "../../api/queries.ts";
import { type Expiry, ExpiryField, expiresAt } from "../../forms/expiry-field.tsx";
import { FormDialog, fieldProblem } from "../../forms/form-dialog.tsx";
import { useIdempotencyKey } from "../../forms/idempotency-key.ts";
import { NameField } from "../../forms/name-field.tsx";
import { GrantFields } from "../operators/grant-fields.tsx";
import { t } from "../../text/t.ts";

/** Creates an admin token, which is then shown once. */
export function CreateTokenDialog({
  onClose,
  onCreated,
}: {
  readonly onClose: () => void;
  readonly onCreated: (token: string | null) => void;
}) {
  const me = useMe();
  const key = useIdempotencyKey();
  const [name, setName] = useState("");
  const [grant, setGrant] = useState<NewGrant>({ role: "viewer", account: me.account });
  const [expiry, setExpiry] = useState<Expiry>({ kind: "90", date: "" });
  // Fixed when the dialog opens: a retry under the same idempotency key has to send the same request.
  const [openedAtMs] = useState(() => Date.now());
  const creation = useChange(
    () => createAdminToken({ ...grant, name: name.trim(), expires_at: expiresAt(expiry, openedAtMs) ?? "never" }, key),
    ({ token }) => onCreated(token),
  );
  return (
    <FormDialog
      title={t("adminTokens.newAdminToken")}
      button={t("adminTokens.createAdminToken")}
      change={creation}
      isReplaced
      fields={["name", "account", "expires_at"]}
      onClose={onClose}
    >
      <NameField
        label={t("common.name")}
        description={t("adminTokens.nameHint")}
        placeholder={t("adminTokens.nameExample")}
        hasFocus
        value={name}
        problem={fieldProblem(creation.error, "name")}
        onChange={setName}
      />
      <GrantFields {...grant} onChange={setGrant} accountError={fieldProblem(creation.error, "account")} />
      <ExpiryField value={expiry} onChange={setExpiry} error={fieldProblem(creation.error, "expires_at")} />
    </FormDialog>
  );
}
