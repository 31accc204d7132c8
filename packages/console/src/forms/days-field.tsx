import { TextInput } from "@mantine/core";
import type { ReactNode } from "react";
import { t } from "../text/t.ts";

/** A field for an optional number of days. */
export function DaysField({
  label,
  description,
  value,
  onChange,
  problem,
}: {
  readonly label: string;
  readonly description: string;
  readonly value: string;
  readonly onChange: (text: string) => void;
  readonly problem: ReactNode;
}) {
  return (
    <TextInput
      label={label}
      description={description}
      inputMode="decimal"
      placeholder={t("forms.noMaximum")}
      rightSection={t("forms.days")}
      rightSectionWidth={56}
      autoComplete="off"
      spellCheck={false}
      value={value}
      error={problem}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}
