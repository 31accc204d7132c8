import { Button, TextInput } from "@mantine/core";
import { useState } from "react";
import { addMyPasskey, type Passkey, removeMyPasskey, useMyPasskeys } from "../../api/operators.ts";
import { useChange } from "../../api/queries.ts";
import { passkeyProblem, useSignInOptions } from "../../api/sign-in.ts";
import { Confirm } from "../../forms/confirm.tsx";
import { FormDialog } from "../../forms/form-dialog.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Bone, Section } from "../../ui/page.tsx";
import { Problem } from "../../ui/problem.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { tell } from "../../ui/tell.tsx";

/** The operator's passkeys, to add or remove one. */
export function Passkeys() {
  const { data: options } = useSignInOptions();
  const { data, error, refetch } = useMyPasskeys();
  const [isAdding, setIsAdding] = useState(false);
  const [removed, setRemoved] = useState<Passkey>();
  return (
    <Section
      title="Passkeys"
      about="A passkey can't be guessed, phished or reused."
      actions={
        options?.passkeys === false ? undefined : (
          <Button variant="default" leftSection={<Icon name="plus" />} onClick={() => setIsAdding(true)}>
            Add a passkey
          </Button>
        )
      }
    >
      <div className="card">
        {error !== null && data === undefined ? (
          <div className="card-inside">
            <Problem error={error} retry={() => void refetch()} />
          </div>
        ) : (
          <ul className="list">
            {data === undefined ? (
              <li className="list-item">
                <Bone width="40%" height={36} />
              </li>
            ) : null}
            {data?.items.length === 0 ? (
              <li className="list-item faint">
                {options?.passkeys === false
                  ? "None. Passkeys don't work at this address: they need a host name such as localhost."
                  : "None yet. With a passkey you don't need your password."}
              </li>
            ) : null}
            {data?.items.map((passkey) => (
              <li key={passkey.id} className="list-item">
                <div className="list-words">
                  <strong>
                    <bdi>{passkey.label}</bdi>
                  </strong>
                  <span className="faint">
                    added <RelativeTime at={passkey.created_at} /> ·{" "}
                    {passkey.last_used_at === null ? "never used" : "last used "}
                    {passkey.last_used_at === null ? null : <RelativeTime at={passkey.last_used_at} />}
                  </span>
                </div>
                <Button
                  size="xs"
                  variant="default"
                  aria-label={`Remove the passkey ${passkey.label}`}
                  onClick={() => setRemoved(passkey)}
                >
                  Remove
                </Button>
              </li>
            ))}
          </ul>
        )}
      </div>
      {isAdding ? <AddPasskeyDialog onClose={() => setIsAdding(false)} /> : null}
      {removed === undefined ? null : (
        <Confirm
          title={
            <>
              Remove the passkey <bdi>{removed.label}</bdi>?
            </>
          }
          button="Remove"
          run={() => removeMyPasskey(removed.id)}
          onDone={() => tell("Removed the passkey.")}
          onClose={() => setRemoved(undefined)}
        >
          <p>It can no longer be used to sign in. Your device may keep offering it until you delete it there too.</p>
        </Confirm>
      )}
    </Section>
  );
}

function AddPasskeyDialog({ onClose }: { readonly onClose: () => void }) {
  const [label, setLabel] = useState("");
  const creation = useChange(
    () => addMyPasskey(label.trim() === "" ? undefined : label.trim()),
    () => tell("Added the passkey."),
  );
  return (
    <FormDialog
      title="Add a passkey"
      button="Create the passkey"
      icon="passkey"
      change={creation}
      error={creation.error === null ? null : (passkeyProblem(creation.error) ?? null)}
      onClose={onClose}
    >
      <TextInput
        label="Label"
        description="Helps you recognise it: the device, or where the passkey is stored. Optional."
        placeholder="Laptop"
        data-autofocus
        maxLength={200}
        value={label}
        onChange={(event) => setLabel(event.currentTarget.value)}
      />
    </FormDialog>
  );
}
