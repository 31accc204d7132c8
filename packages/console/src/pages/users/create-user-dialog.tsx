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
      title="New API user"
      button="Create, then add a key"
      change={creation}
      fields={["name", "shortname", "networks"]}
      onSubmit={submit}
      onClose={onClose}
    >
      {newAccount === undefined ? (
        isAccountFixed ? (
          <TextInput label="Account" value={account ?? ""} readOnly />
        ) : (
          <AccountPicker
            label="Account"
            description="The customer, partner or team that the client belongs to."
            value={account}
            onChange={(shortname) => {
              setAccount(shortname);
              setIsAccountMissing(false);
            }}
            onCreate={(typed) => setNewAccount({ shortname: toShortname(typed), name: typed })}
            error={isAccountMissing ? "Choose an account, or create one." : undefined}
          />
        )
      ) : (
        <fieldset className="stack-close">
          <legend>New account</legend>
          <NameField
            label="Shortname"
            description="Lower-case letters, digits and . _ -; can't be changed later."
            value={newAccount.shortname}
            problem={fieldProblem(creation.error, "shortname")}
            onChange={(shortname) => setNewAccount({ ...newAccount, shortname })}
          />
          <TextInput
            label="Name of the account"
            description="The display name. Optional."
            value={newAccount.name}
            onChange={(event) => setNewAccount({ ...newAccount, name: event.currentTarget.value })}
          />
          <button type="button" className="text-button" onClick={() => setNewAccount(undefined)}>
            Choose an existing account
          </button>
        </fieldset>
      )}
      <NameField
        label="Name of the API user"
        description="Part of the username: api-<account number>-<name>."
        placeholder="orders-sync"
        value={name}
        problem={fieldProblem(creation.error, "name")}
        onChange={setName}
      />
      <Choice
        legend="Access"
        name="access"
        value={access}
        onChange={setAccess}
        options={[
          { value: "full", label: "API User", about: "Full access to the API." },
          { value: "read_only", label: "Read-Only API User", about: "Only GET, HEAD and OPTIONS requests." },
        ]}
      />
      <NetworksField
        what="the API user"
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
