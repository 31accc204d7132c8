import { TextInput } from "@mantine/core";

/** A required field for a name of the service: no spell checking, no suggestions. */
export function NameField({
  label,
  description,
  placeholder,
  hasFocus = false,
  value,
  problem,
  onChange,
}: {
  readonly label: string;
  readonly description: string;
  readonly placeholder?: string;
  /** Whether it has the focus when the dialog opens. */
  readonly hasFocus?: boolean;
  readonly value: string;
  /** What is wrong with it, as `fieldProblem` has it. */
  readonly problem: string | undefined;
  readonly onChange: (name: string) => void;
}) {
  return (
    <TextInput
      label={label}
      description={description}
      {...(placeholder === undefined ? {} : { placeholder })}
      required
      withAsterisk={false}
      spellCheck={false}
      autoComplete="off"
      {...(hasFocus ? { "data-autofocus": true } : {})}
      value={value}
      error={problem}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}
