import { TextInput } from "@mantine/core";
import { useState } from "react";
import { useChange } from "../../api/queries.ts";
import { type ApiUser, createAccount, createUser } from "../../api/registry.ts";
import { AccountPicker } from "../../forms/account-picker.tsx";
import { Choice } from "../../forms/choice.tsx";
import { FormDialog, fieldProblem } from "../../forms/form-dialog.tsx";
import { useIdempotencyKey } from "../../forms/idempotency-key.ts";
import { NameField } from "../../forms/name-field.tsx";
import { NetworksField } from "../../forms/networks-field.tsx";
import { RotationField } from "../../forms/rotation-field.tsx";
import { parseWords } from "../../text/word-list.ts";
import { t } from "../../text/t.ts";
import { UsernamePreview } from "./username-preview.tsx";

/** Creates an API user, in an existing account or in one that the same form creates. */
export function CreateUserDialog({
  account: givenAccount,
  isAccountFixed,
  onClose,
  onCreated,
}: {
  readonly account: string | undefined;
  /** For an operator who is limited to one account. */
  readonly isAccountFixed: boolean;
  readonly onClose: () => void;
  readonly onCreated: (user: ApiUser) => void;
}) {
  const accountKey = useIdempotencyKey();
  const userKey = useIdempotencyKey();
  const [account, setAccount] = useState(givenAccount);
  const [newAccount, setNewAccount] = useState<{ shortname: string; name: string }>();
  const [name, setName] = useState("");
  const [access, setAccess] = useState<"full" | "read_only">("full");
  const [mayRotate, setMayRotate] = useState(false);
  const [networks, setNetworks] = useState("");
  const [isAccountMissing, setIsAccountMissing] = useState(false);
  const creation = useChange(async () => {
    let shortname = account;
    if (newAccount !== undefined) {
      const { shortname: short, name: long } = newAccount;
      await createAccount(
        { shortname: short.trim(), ...(long.trim() === "" ? {} : { name: long.trim() }) },
        accountKey,
      );
      shortname = short.trim();
      // The account now exists, even if the API user fails: a second try must not create another account.
      setAccount(shortname);
      setNewAccount(undefined);
    }
    return createUser(
      {
        account: shortname ?? "",
        name: name.trim(),
        access,
        ...(mayRotate ? { may_rotate: true } : {}),
        ...(parseWords(networks).length === 0 ? {} : { networks: parseWords(networks) }),
      },
      userKey,
    );
  });

  function submit(): void {
    if (account === undefined && newAccount === undefined) setIsAccountMissing(true);
    else creation.mutate(undefined, { onSuccess: onCreated });
  }

  return (
    <FormDialog
      title={t("common.newApiUser")}
      button={t("users.createAndAddKey")}
      change={creation}
      fields={["name", "shortname", "networks"]}
      onSubmit={submit}
      onClose={onClose}
    >
      {newAccount === undefined ? (
        isAccountFixed ? (
          <TextInput label={t("common.account")} value={account ?? ""} readOnly />
        ) : (
          <AccountPicker
            label={t("common.account")}
            description={t("users.accountHint")}
            value={account}
            onChange={(shortname) => {
              setAccount(shortname);
              setIsAccountMissing(false);
            }}
            onCreate={(typed) => setNewAccount({ shortname: toShortname(typed), name: typed })}
            error={isAccountMissing ? t("users.accountMissing") : undefined}
          />
        )
      ) : (
        <fieldset className="stack-close">
          <legend>{t("common.newAccount")}</legend>
          <NameField
            label={t("common.shortname")}
            description={t("common.nameRule")}
            value={newAccount.shortname}
            problem={fieldProblem(creation.error, "shortname")}
            onChange={(shortname) => setNewAccount({ ...newAccount, shortname })}
          />
          <TextInput
            label={t("users.nameOfTheAccount")}
            description={t("common.displayNameHint")}
            value={newAccount.name}
            onChange={(event) => setNewAccount({ ...newAccount, name: event.currentTarget.value })}
          />
          <button type="button" className="text-button" onClick={() => setNewAccount(undefined)}>
            {t("users.chooseAccount")}
          </button>
        </fieldset>
      )}
      <div className="stack-close">
        <NameField
          label={t("users.nameOfTheApiUser")}
          description={t("users.nameHint")}
          placeholder={t("users.nameExample")}
          value={name}
          problem={fieldProblem(creation.error, "name")}
          onChange={setName}
        />
        <UsernamePreview account={account} isAccountNew={newAccount !== undefined} name={name.trim()} />
      </div>
      <Choice
        legend={t("common.access")}
        name="access"
        value={access}
        onChange={setAccess}
        options={[
          { value: "full", label: t("users.fullApiUser"), about: t("users.fullAbout") },
          { value: "read_only", label: t("users.readOnlyApiUser"), about: t("users.readOnlyAbout") },
        ]}
      />
      <NetworksField
        what="user"
        value={networks}
        problem={fieldProblem(creation.error, "networks")}
        onChange={setNetworks}
      />
      <RotationField isAllowed={mayRotate} onChange={setMayRotate} />
    </FormDialog>
  );
}

/** Proposes a shortname for an account with this name. */
function toShortname(text: string): string {
  return text
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, "-")
    .replaceAll(/^[^a-z0-9]+|-+$/g, "");
}
