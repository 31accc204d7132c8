import { Textarea } from "@mantine/core";
import type { ReactNode } from "react";
import { t } from "../text/t.ts";

/** A field for the networks from which a client may sign in. Empty, it means any network. */
export function NetworksField({
  what,
  value,
  onChange,
  problem,
}: {
  /** What is limited to them. */
  readonly what: "user" | "key";
  readonly value: string;
  readonly onChange: (text: string) => void;
  /** What is wrong with it, as `fieldProblem` has it. */
  readonly problem: ReactNode;
}) {
  return (
    <Textarea
      label={t("common.networks")}
      description={t("forms.networksHint", { what })}
      placeholder="192.0.2.0/24"
      rows={3}
      maxLength={10_000}
      spellCheck={false}
      autoComplete="off"
      classNames={{ input: "mono" }}
      value={value}
      error={problem}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}
