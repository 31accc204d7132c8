import { TextInput } from "@mantine/core";
import { useState } from "react";
import { ApiError } from "../../api/api-error.ts";
import { useChange } from "../../api/queries.ts";
import { type Account, changeAccount, readAccount } from "../../api/registry.ts";
import { DaysField } from "../../forms/days-field.tsx";
import { FormDialog, fieldProblem } from "../../forms/form-dialog.tsx";
import { NoteFields, noteOf } from "../../forms/note-fields.tsx";
import { useVersion } from "../../forms/use-version.ts";
import { daysOf, daysText, parseDays } from "../../text/days.ts";
import { Note } from "../../ui/problem.tsx";
import { tell } from "../../ui/tell.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

/** Changes an account's name and notes, and the maximum age of its keys. It never overwrites a change by another operator without showing it first. */
export function EditAccountDialog({ account, onClose }: { readonly account: Account; readonly onClose: () => void }) {
  const { shortname, key_age_max_seconds: ageMax } = account;
  const [before] = useState(ageMax === null ? "" : daysText(ageMax));
  const [days, setDays] = useState(before);
  const [name, setName] = useState(account.name);
  const [description, setDescription] = useState(account.description ?? "");
  const [contact, setContact] = useState(account.contact ?? "");
  const { newer, apply } = useVersion(() => readAccount(shortname));
  const shown = newer?.value ?? account;
  const parsed = parseDays(days);
  const isReady = !Number.isNaN(parsed);
  const change = useChange(
    () =>
      apply(({ etag, value }) => {
        // The list behind the dialog was already out of date when the dialog opened.
        if (factsOf(value) !== factsOf(shown)) {
          throw new ApiError("precondition_failed", "The account was changed.", { status: 412 });
        }
        // The text is rounded: what wasn't edited stays as it is.
        const seconds = days === before ? shown.key_age_max_seconds : parsed;
        const notes = { description: noteOf(description), contact: noteOf(contact) };
        return changeAccount(shortname, { name: name.trim(), ...notes, key_age_max_seconds: seconds }, etag);
      }),
    () => tell(<T id="accounts.savedAccount" values={{ shortname: <bdi>{shortname}</bdi> }} />),
  );
  return (
    <FormDialog
      title={<T id="accounts.editTitle" values={{ shortname: <bdi>{shortname}</bdi> }} />}
      above={
        newer === undefined ? null : (
          <Note kind="warning">
            <T
              id="accounts.changedMeanwhile"
              values={{
                name: <bdi>{newer.value.name}</bdi>,
                description: newer.value.description === null ? t("user.empty") : <bdi>{newer.value.description}</bdi>,
                contact: newer.value.contact === null ? t("user.empty") : <bdi>{newer.value.contact}</bdi>,
                keyAgeMax:
                  newer.value.key_age_max_seconds === null
                    ? t("common.notSet")
                    : t("common.days", { days: daysOf(newer.value.key_age_max_seconds) }),
              }}
            />
          </Note>
        )
      }
      button={t("common.save")}
      isReady={isReady}
      change={change}
      fields={["name", "description", "contact", "key_age_max_seconds"]}
      onClose={onClose}
    >
      <TextInput
        label={t("common.name")}
        required
        withAsterisk={false}
        value={name}
        error={fieldProblem(change.error, "name")}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <NoteFields
        description={description}
        setDescription={setDescription}
        contact={contact}
        setContact={setContact}
        error={change.error}
      />
      <DaysField
        label={t("accounts.keyAgeMaxField")}
        description={t("accounts.keyAgeMaxHint")}
        value={days}
        problem={isReady ? fieldProblem(change.error, "key_age_max_seconds") : t("accounts.daysNotPositive")}
        onChange={setDays}
      />
    </FormDialog>
  );
}

function factsOf({ name, description, contact, key_age_max_seconds: ageMax }: Account): string {
  return JSON.stringify([name, description, contact, ageMax]);
}
