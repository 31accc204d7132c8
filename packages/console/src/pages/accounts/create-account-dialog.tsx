import { TextInput } from "@mantine/core";
import { useState } from "react";
import { useChange } from "../../api/queries.ts";
import { createAccount } from "../../api/registry.ts";
import { FormDialog, fieldProblem } from "../../forms/form-dialog.tsx";
import { useIdempotencyKey } from "../../forms/idempotency-key.ts";
import { NameField } from "../../forms/name-field.tsx";
import { tell } from "../../ui/tell.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

/** Creates an account. */
export function CreateAccountDialog({ onClose }: { readonly onClose: () => void }) {
  const key = useIdempotencyKey();
  const [shortname, setShortname] = useState("");
  const [name, setName] = useState("");
  const creation = useChange(
    () => createAccount({ shortname: shortname.trim(), ...(name.trim() === "" ? {} : { name: name.trim() }) }, key),
    (account) => tell(<T id="accounts.createdAccount" values={{ shortname: <bdi>{account.shortname}</bdi> }} />),
  );
  return (
    <FormDialog
      title={t("common.newAccount")}
      button={t("accounts.createAccount")}
      change={creation}
      fields={["shortname", "name"]}
      onClose={onClose}
    >
      <NameField
        label={t("common.shortname")}
        description={t("common.nameRule")}
        placeholder={t("accounts.shortnameExample")}
        hasFocus
        value={shortname}
        problem={fieldProblem(creation.error, "shortname")}
        onChange={setShortname}
      />
      <TextInput
        label={t("common.name")}
        description={t("common.displayNameHint")}
        placeholder={t("accounts.nameExample")}
        value={name}
        error={fieldProblem(creation.error, "name")}
        onChange={(event) => setName(event.currentTarget.value)}
      />
    </FormDialog>
  );
}
