import { PASSWORD_CHARACTERS_MIN } from "@countersign/protocol";
import { PasswordInput } from "@mantine/core";
import { passwordLength } from "../text/password-length.ts";
import { t } from "../text/t.ts";

/** A field for a new password. It says how many characters a short one still needs; the form must not send a short one. */
export function NewPasswordInput({
  label,
  showLabel,
  value,
  problem,
  onChange,
}: {
  readonly label: string;
  /** Label of the button that makes the password visible. */
  readonly showLabel: string;
  readonly value: string;
  /** What the server says is wrong with it. */
  readonly problem?: string | undefined;
  readonly onChange: (password: string) => void;
}) {
  const characters = passwordLength(value);
  const isShort = value !== "" && characters < PASSWORD_CHARACTERS_MIN;
  return (
    <PasswordInput
      label={label}
      description={t("forms.passwordHint", { passwordCharactersMin: PASSWORD_CHARACTERS_MIN })}
      name="password"
      autoComplete="new-password"
      required
      withAsterisk={false}
      value={value}
      error={isShort ? t("forms.passwordShort", { characters, min: PASSWORD_CHARACTERS_MIN }) : problem}
      aria-invalid={isShort || problem !== undefined}
      onChange={(event) => onChange(event.currentTarget.value)}
      visibilityToggleButtonProps={{ "aria-label": showLabel }}
    />
  );
}
