import { TextInput } from "@mantine/core";
import { useState } from "react";
import { ApiError } from "../../api/api-error.ts";
import { useChange } from "../../api/queries.ts";
import { type ApiUser, changeUser, readUser } from "../../api/registry.ts";
import { Choice } from "../../forms/choice.tsx";
import { FormDialog, fieldProblem } from "../../forms/form-dialog.tsx";
import { NoteFields, noteOf } from "../../forms/note-fields.tsx";
import { NetworksField } from "../../forms/networks-field.tsx";
import { RotationField } from "../../forms/rotation-field.tsx";
import { useVersion } from "../../forms/use-version.ts";
import { areSameWords, wordsText, parseWords } from "../../text/word-list.ts";
import { Note } from "../../ui/problem.tsx";
import { tell } from "../../ui/tell.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

/** Changes what an API user is called, and what its client may do. It never overwrites a change by another operator without showing it first. */
export function EditUserDialog({ user, onClose }: { readonly user: ApiUser; readonly onClose: () => void }) {
  const { username } = user;
  const [name, setName] = useState(user.display_name ?? "");
  const [description, setDescription] = useState(user.description ?? "");
  const [contact, setContact] = useState(user.contact ?? "");
  const [access, setAccess] = useState(user.access);
  const [mayRotate, setMayRotate] = useState(user.may_rotate);
  const [networks, setNetworks] = useState(wordsText(user.networks));
  const { newer, apply } = useVersion(() => readUser(username));
  const shown = newer?.value ?? user;
  const change = useChange(
    () =>
      apply(({ etag, value }) => {
        // The page behind the dialog was already out of date when the dialog opened.
        if (!isSame(value, shown)) {
          throw new ApiError("precondition_failed", "The API user was changed.", { status: 412 });
        }
        const notes = { display_name: noteOf(name), description: noteOf(description), contact: noteOf(contact) };
        return changeUser(username, { ...notes, access, may_rotate: mayRotate, networks: parseWords(networks) }, etag);
      }),
    () => tell(<T id="user.saved" values={{ username: <bdi>{username}</bdi> }} />),
  );
  return (
    <FormDialog
      title={<T id="user.editTitle" values={{ username: <bdi>{username}</bdi> }} />}
      above={newer === undefined ? null : <ChangedMeanwhile user={newer.value} />}
      button={t("common.save")}
      change={change}
      fields={["display_name", "description", "contact", "networks"]}
      onClose={onClose}
    >
      <TextInput
        label={t("common.name")}
        description={t("user.displayNameHint")}
        maxLength={200}
        value={name}
        error={fieldProblem(change.error, "display_name")}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <NoteFields
        description={description}
        setDescription={setDescription}
        contact={contact}
        setContact={setContact}
        error={change.error}
      />
      <Choice
        legend={t("common.access")}
        name="access"
        value={access}
        onChange={setAccess}
        options={[
          { value: "full", label: t("filter.fullAccess"), about: t("user.fullAccessAbout") },
          { value: "read_only", label: t("filter.readOnly"), about: t("user.readOnlyAbout") },
        ]}
      />
      <NetworksField
        what="user"
        value={networks}
        problem={fieldProblem(change.error, "networks")}
        onChange={setNetworks}
      />
      <RotationField isAllowed={mayRotate} onChange={setMayRotate} />
    </FormDialog>
  );
}

/** What another operator saved while the dialog was open. */
function ChangedMeanwhile({ user }: { readonly user: ApiUser }) {
  return (
    <Note kind="warning">
      <T
        id="user.changedMeanwhile"
        values={{
          name: user.display_name === null ? t("user.empty") : <bdi>{user.display_name}</bdi>,
          description: user.description === null ? t("user.empty") : <bdi>{user.description}</bdi>,
          contact: user.contact === null ? t("user.empty") : <bdi>{user.contact}</bdi>,
          access: user.access,
          rotation: user.may_rotate ? t("user.allowed") : t("user.off"),
          networks: user.networks.length === 0 ? t("user.any") : <bdi>{user.networks.join(", ")}</bdi>,
        }}
      />
    </Note>
  );
}

function isSame(a: ApiUser, b: ApiUser): boolean {
  const facts = ({ display_name, description, contact, access, may_rotate }: ApiUser) =>
    JSON.stringify([display_name, description, contact, access, may_rotate]);
  return facts(a) === facts(b) && areSameWords(a.networks, b.networks);
}
