import { Button, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { ApiError } from "../../api/api-error.ts";
import { type ApiUser, createAccount, createUser, useChange } from "../../api/registry.ts";
import { AccountPicker } from "../../forms/account-picker.tsx";
import { Choice, Dialog } from "../../ui/dialog.tsx";
import { useIdempotencyKey } from "../../forms/idempotency-key.ts";
import { Problem } from "../../ui/problem.tsx";

/** A new API user, in an account that is there or is made in the same go. */
export function CreateUserDialog({
  account: givenAccount,
  isAccountFixed,
  onClose,
  onCreated,
}: {
  readonly account: string | undefined;
  /** For who is limited to one account. */
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
      // It is there now, whatever becomes of the API user: trying again must not make another.
      setAccount(shortname);
      setNewAccount(undefined);
    }
    return createUser({ account: shortname ?? "", name: name.trim(), access }, userKey);
  });
  const refusal = creation.error instanceof ApiError ? creation.error : undefined;

  function submit(event: FormEvent): void {
    event.preventDefault();
    if (account === undefined && newAccount === undefined) {
      setIsAccountMissing(true);
      return;
    }
    creation.mutate(undefined, { onSuccess: onCreated });
  }

  const nameProblem = refusal?.fieldMessage("name");
  const shortnameProblem = refusal?.fieldMessage("shortname");
  return (
    <Dialog title="New API user" onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        {creation.error !== null && nameProblem === undefined && shortnameProblem === undefined ? (
          <Problem error={creation.error} />
        ) : null}
        {newAccount === undefined ? (
          isAccountFixed ? (
            <TextInput label="Account" value={account ?? ""} readOnly />
          ) : (
            <AccountPicker
              label="Account"
              description="The customer, partner or team whose client it is."
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
            <TextInput
              label="Shortname"
              description="Lower-case letters, digits and . _ -; it can't be changed later."
              value={newAccount.shortname}
              error={shortnameProblem}
              required
              withAsterisk={false}
              spellCheck={false}
              autoComplete="off"
              onChange={(event) => setNewAccount({ ...newAccount, shortname: event.currentTarget.value })}
            />
            <TextInput
              label="Name of the account"
              description="As people call it. Optional."
              value={newAccount.name}
              onChange={(event) => setNewAccount({ ...newAccount, name: event.currentTarget.value })}
            />
            <button type="button" className="text-button" onClick={() => setNewAccount(undefined)}>
              Choose an account that is there
            </button>
          </fieldset>
        )}
        <TextInput
          label="Name of the API user"
          description="Becomes part of the username: api-<account’s number>-<name>."
          placeholder="orders-sync"
          required
          withAsterisk={false}
          spellCheck={false}
          autoComplete="off"
          value={name}
          error={nameProblem}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Choice
          legend="What it may do"
          name="access"
          value={access}
          onChange={setAccess}
          options={[
            { value: "full", label: "API User", about: "Everything that the API offers." },
            { value: "read_only", label: "Read-Only API User", about: "GET, HEAD and OPTIONS alone." },
          ]}
        />
        <div className="dialog-foot">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={creation.isPending}>
            Create, then add a key
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** What a shortname may look like, out of what somebody called the account. */
function toShortname(text: string): string {
  return text
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, "-")
    .replaceAll(/^[^a-z0-9]+|-+$/g, "");
}
