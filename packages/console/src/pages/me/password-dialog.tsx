import { PasswordInput } from "@mantine/core";
import { PASSWORD_CHARACTERS_MIN } from "@countersign/protocol";
import { useState } from "react";
import { changeMyPassword } from "../../api/operators.ts";
import { useChange } from "../../api/queries.ts";
import { FormDialog, fieldProblem } from "../../forms/form-dialog.tsx";
import { NewPasswordInput } from "../../forms/new-password-input.tsx";
import { passwordLength } from "../../text/password-length.ts";
import { tell } from "../../ui/tell.tsx";
import { t } from "../../text/t.ts";

/** Sets or changes the operator's password. */
export function PasswordDialog({
  hasPassword,
  onClose,
}: {
  readonly hasPassword: boolean;
  readonly onClose: () => void;
}) {
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const change = useChange(
    () => changeMyPassword(next, hasPassword ? current : undefined),
    () => tell(t("me.passwordChanged")),
  );
  const currentProblem = fieldProblem(change.error, "current_password");
  return (
    <FormDialog
      title={hasPassword ? t("me.changePasswordTitle") : t("me.setAPassword")}
      button={t("me.setPassword")}
      change={change}
      fields={["current_password", "new_password"]}
      onSubmit={() => {
        if (passwordLength(next) >= PASSWORD_CHARACTERS_MIN) change.mutate(undefined, { onSuccess: onClose });
      }}
      onClose={onClose}
    >
      {hasPassword ? (
        <PasswordInput
          label={t("me.currentPassword")}
          autoComplete="current-password"
          required
          withAsterisk={false}
          data-autofocus
          value={current}
          error={currentProblem}
          aria-invalid={currentProblem !== undefined}
          onChange={(event) => setCurrent(event.currentTarget.value)}
          visibilityToggleButtonProps={{ "aria-label": t("me.showTheCurrentPassword") }}
        />
      ) : null}
      <NewPasswordInput
        label={t("me.newPassword")}
        showLabel={t("me.showTheNewPassword")}
        value={next}
        problem={fieldProblem(change.error, "new_password")}
        onChange={setNext}
      />
      <p className="faint">{t("me.changePasswordAbout")}</p>
    </FormDialog>
  );
}
