import { useState } from "react";
import { ApiError } from "../../api/api-error.ts";
import { useChange } from "../../api/queries.ts";
import { type ApiUser, changeUser, readUser } from "../../api/registry.ts";
import { FormDialog, fieldProblem } from "../../forms/form-dialog.tsx";
import { NetworksField } from "../../forms/networks-field.tsx";
import { RotationField } from "../../forms/rotation-field.tsx";
import { useVersion } from "../../forms/use-version.ts";
import { areSameWords, wordsText, parseWords } from "../../text/word-list.ts";
import { Note } from "../../ui/problem.tsx";
import { tell } from "../../ui/tell.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

/** Changes what an API user's client may do. It never overwrites a change by another operator without showing it first. */
export function EditUserDialog({ user, onClose }: { readonly user: ApiUser; readonly onClose: () => void }) {
  const { username } = user;
  const [mayRotate, setMayRotate] = useState(user.may_rotate);
  const [networks, setNetworks] = useState(wordsText(user.networks));
  const { newer, apply } = useVersion(() => readUser(username));
  const shown = newer?.value ?? user;
  const change = useChange(
    () =>
      apply(({ etag, value }) => {
        // The page behind the dialog was already out of date when the dialog opened.
        if (value.may_rotate !== shown.may_rotate || !areSameWords(value.networks, shown.networks)) {
          throw new ApiError("precondition_failed", "The API user was changed.", { status: 412 });
        }
        return changeUser(username, { may_rotate: mayRotate, networks: parseWords(networks) }, etag);
      }),
    () => tell(<T id="user.saved" values={{ username: <bdi>{username}</bdi> }} />),
  );
  return (
    <FormDialog
      title={<T id="user.editTitle" values={{ username: <bdi>{username}</bdi> }} />}
      above={
        newer === undefined ? null : (
          <Note kind="warning">
            <T
              id="user.changedMeanwhile"
              values={{
                rotation: newer.value.may_rotate ? t("user.allowed") : t("user.off"),
                networks:
                  newer.value.networks.length === 0 ? t("user.any") : <bdi>{newer.value.networks.join(", ")}</bdi>,
              }}
            />
          </Note>
        )
      }
      button={t("common.save")}
      change={change}
      fields={["networks"]}
      onClose={onClose}
    >
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
