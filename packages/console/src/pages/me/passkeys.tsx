import { Button, TextInput } from "@mantine/core";
import { useState } from "react";
import { addMyPasskey, type Passkey, removeMyPasskey, useMyPasskeys } from "../../api/operators.ts";
import { useChange } from "../../api/queries.ts";
import { passkeyProblem, useSignInOptions } from "../../api/sign-in.ts";
import { Confirm } from "../../forms/confirm.tsx";
import { FormDialog } from "../../forms/form-dialog.tsx";
import { Icon } from "../../ui/icon.tsx";
import { ItemList, ListItem } from "../../ui/item-list.tsx";
import { Section } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { tell } from "../../ui/tell.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

/** The operator's passkeys, to add or remove one. */
export function Passkeys() {
  const { data: options } = useSignInOptions();
  const query = useMyPasskeys();
  const [isAdding, setIsAdding] = useState(false);
  const [removed, setRemoved] = useState<Passkey>();
  return (
    <Section
      title={t("me.passkeys")}
      about={t("me.passkeysAbout")}
      actions={
        options?.passkeys === false ? undefined : (
          <Button variant="default" leftSection={<Icon name="plus" />} onClick={() => setIsAdding(true)}>
            {t("me.addAPasskey")}
          </Button>
        )
      }
    >
      <div className="card">
        <ItemList query={query} empty={options?.passkeys === false ? t("me.noPasskeysHere") : t("me.noPasskeyYet")}>
          {(passkey) => (
            <ListItem
              key={passkey.id}
              name={
                <strong>
                  <bdi>{passkey.label}</bdi>
                </strong>
              }
              facts={
                passkey.last_used_at === null ? (
                  <T id="me.addedNeverUsed" values={{ createdAt: <RelativeTime at={passkey.created_at} /> }} />
                ) : (
                  <T
                    id="me.addedLastUsed"
                    values={{
                      createdAt: <RelativeTime at={passkey.created_at} />,
                      lastUsedAt: <RelativeTime at={passkey.last_used_at} />,
                    }}
                  />
                )
              }
              action={
                <Button
                  size="xs"
                  variant="default"
                  aria-label={t("me.removePasskeyNamed", { label: passkey.label })}
                  onClick={() => setRemoved(passkey)}
                >
                  {t("me.remove")}
                </Button>
              }
            />
          )}
        </ItemList>
      </div>
      {isAdding ? <AddPasskeyDialog onClose={() => setIsAdding(false)} /> : null}
      {removed === undefined ? null : (
        <Confirm
          title={<T id="me.removePasskeyTitle" values={{ label: <bdi>{removed.label}</bdi> }} />}
          button={t("me.remove")}
          run={() => removeMyPasskey(removed.id)}
          onDone={() => tell(t("me.removedThePasskey"))}
          onClose={() => setRemoved(undefined)}
        >
          <p>{t("me.removePasskeyAbout")}</p>
        </Confirm>
      )}
    </Section>
  );
}

function AddPasskeyDialog({ onClose }: { readonly onClose: () => void }) {
  const [label, setLabel] = useState("");
  const creation = useChange(
    () => addMyPasskey(label.trim() === "" ? undefined : label.trim()),
    () => tell(t("me.addedThePasskey")),
  );
  return (
    <FormDialog
      title={t("me.addAPasskey")}
      button={t("me.createThePasskey")}
      icon="passkey"
      change={creation}
      error={creation.error === null ? null : (passkeyProblem(creation.error) ?? null)}
      onClose={onClose}
    >
      <TextInput
        label={t("common.label")}
        description={t("me.passkeyLabelHint")}
        placeholder={t("me.passkeyLabelExample")}
        data-autofocus
        maxLength={200}
        value={label}
        onChange={(event) => setLabel(event.currentTarget.value)}
      />
    </FormDialog>
  );
}
