import { TextInput } from "@mantine/core";
import { useState } from "react";
import { ApiError } from "../../api/api-error.ts";
import { useChange } from "../../api/queries.ts";
import { changeKey, type PublicKey, readKey } from "../../api/registry.ts";
import { type Expiry, ExpiryField, expiresAt } from "../../forms/expiry-field.tsx";
import { FormDialog, fieldProblem } from "../../forms/form-dialog.tsx";
import { NetworksField } from "../../forms/networks-field.tsx";
import { useVersion } from "../../forms/use-version.ts";
import { areSameWords, wordsText, parseWords } from "../../text/word-list.ts";
import { ExactTime } from "../../ui/exact-time.tsx";
import { useExactTime } from "../../ui/time-zone.ts";
import { Note } from "../../ui/problem.tsx";
import { tell, tellWarning } from "../../ui/tell.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

/** Changes a key's label, expiry and networks. It never overwrites a change by another operator without showing it first. */
export function EditKeyDialog({ publicKey, onClose }: { readonly publicKey: PublicKey; readonly onClose: () => void }) {
  const [label, setLabel] = useState(publicKey.label ?? "");
  const [networks, setNetworks] = useState(wordsText(publicKey.networks));
  const [expiry, setExpiry] = useState<Expiry>({ kind: "keep", date: "" });
  const exactTime = useExactTime();
  const { newer, apply } = useVersion(() => readKey(publicKey.id));
  const shown = newer?.value ?? publicKey;

  const change = useChange(
    () =>
      apply(({ etag, value }) => {
        // The list behind the dialog was already out of date when the dialog opened.
        const isCurrent =
          value.label === shown.label &&
          value.expires_at === shown.expires_at &&
          areSameWords(value.networks, shown.networks);
        if (!isCurrent) {
          throw new ApiError("precondition_failed", "The key was changed.", { status: 412 });
        }
        const until = expiresAt(expiry, Date.now());
        return changeKey(
          publicKey.id,
          {
            label: label.trim() === "" ? null : label.trim(),
            networks: parseWords(networks),
            ...(until === undefined ? {} : { expires_at: until }),
          },
          etag,
        );
      }),
    ({ warnings }) => {
      tell(t("user.savedTheKey"));
      // An expired key that gets a later expiry can be used again.
      if (expiry.kind !== "keep") warnings.forEach(tellWarning);
    },
  );

  return (
    <FormDialog
      title={
        <T
          id="user.editKeyTitle"
          values={{
            label:
              publicKey.label === null ? t("common.keyNumber", { id: publicKey.id }) : <bdi>{publicKey.label}</bdi>,
          }}
        />
      }
      above={
        newer === undefined ? null : (
          <Note kind="warning">
            <T
              id="user.keyChangedMeanwhile"
              values={{
                label: newer.value.label === null ? t("user.empty") : <bdi>“{newer.value.label}”</bdi>,
                expiresAt:
                  newer.value.expires_at === null ? (
                    t("common.never")
                  ) : (
                    <ExactTime atMs={Date.parse(newer.value.expires_at)} />
                  ),
                networks:
                  newer.value.networks.length === 0 ? t("user.any") : <bdi>{newer.value.networks.join(", ")}</bdi>,
              }}
            />
          </Note>
        )
      }
      button={t("common.save")}
      change={change}
      fields={["label", "expires_at", "networks"]}
      onClose={onClose}
    >
      <TextInput
        label={t("common.label")}
        description={t("user.keyLabelHint")}
        maxLength={200}
        value={label}
        error={fieldProblem(change.error, "label")}
        onChange={(event) => setLabel(event.currentTarget.value)}
      />
      <ExpiryField
        value={expiry}
        onChange={setExpiry}
        error={fieldProblem(change.error, "expires_at")}
        keeping={
          shown.expires_at === null
            ? t("user.unchangedNever")
            : t("user.unchanged", { expiresAt: exactTime(Date.parse(shown.expires_at)) })
        }
      />
      <NetworksField
        what="key"
        value={networks}
        problem={fieldProblem(change.error, "networks")}
        onChange={setNetworks}
      />
    </FormDialog>
  );
}
