import { Textarea } from "@mantine/core";
import type { ReactNode } from "react";
import { t } from "../../text/t.ts";

/** The events that an endpoint gets, one pattern on each line. */
export function EventsField({
  value,
  onChange,
  problem,
}: {
  readonly value: string;
  readonly onChange: (text: string) => void;
  /** What is wrong with it, as `fieldProblem` has it. */
  readonly problem: ReactNode;
}) {
  return (
    <Textarea
      label={t("webhooks.events")}
      description={t("webhooks.eventsHint")}
      rows={4}
      maxLength={10_000}
      required
      withAsterisk={false}
      spellCheck={false}
      autoComplete="off"
      classNames={{ input: "mono" }}
      value={value}
      error={problem}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}
