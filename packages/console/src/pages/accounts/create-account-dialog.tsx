import { TextInput } from "@mantine/core";
import { useState } from "react";
import { useChange } from "../../api/queries.ts";
import { createAccount } from "../../api/registry.ts";
import { FormDialog, fieldProblem } from "../../forms/form-dialog.tsx";
import { useIdempotencyKey } from "../../forms/idempotency-key.ts";
import { NameField } from "../../forms/name-field.tsx";
import { tell } from "../../ui/tell.tsx";

/** Creates an account. */
export function CreateAccountDialog({ onClose }: { readonly onClose: () => void }) {
  const key = useIdempotencyKey();
  const [shortname, setShortname] = useState("");
  const [name, setName] = useState("");
  const creation = useChange(
    () => createAccount({ shortname: shortname.trim(), ...(name.trim() === "" ? {} : { name: name.trim() }) }, key),
    (account) =>
      tell(
        <>
          Created the account <bdi>{account.shortname}</bdi>.
        </>,
      ),
  );
  return (
    <FormDialog
      title="New account"
      button="Create account"
      change={creation}
      fields={["shortname", "name"]}
      onClose={onClose}
    >
      <NameField
        label="Shortname"
        description="Lower-case letters, digits and . _ -; can't be changed later."
        placeholder="acme"
        hasFocus
        value={shortname}
        problem={fieldProblem(creation.error, "shortname")}
        onChange={setShortname}
      />
      <TextInput
        label="Name"
        description="The display name. Optional."
        placeholder="Acme Ltd"
        value={name}
        error={fieldProblem(creation.error, "name")}
        onChange={(event) => setName(event.currentTarget.value)}
      />
    </FormDialog>
  );
}
