import { NativeSelect, TextInput } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { t } from "../text/t.ts";

/** Never, a number of days from now, a given day, or unchanged. */
export interface Expiry {
  readonly kind: "never" | "30" | "90" | "365" | "date" | "keep";
  /** `2027-03-01` */
  readonly date: string;
}

/** The expiry for the API; `undefined` leaves it unchanged. A day is valid until its last second in UTC. */
export function expiresAt({ kind, date }: Expiry, nowMs: number): string | null | undefined {
  if (kind === "keep") return undefined;
  if (kind === "never") return null;
  if (kind === "date") return date === "" ? undefined : `${date}T23:59:59Z`;
  return new Date(nowMs + Number(kind) * 86_400_000).toISOString();
}

/** Chooses an expiry. @param keeping label of the option to leave it unchanged, if there is one */
export function ExpiryField({
  value,
  onChange,
  keeping,
  error,
}: {
  readonly value: Expiry;
  readonly onChange: (value: Expiry) => void;
  readonly keeping?: string;
  readonly error?: ReactNode;
}) {
  const [tomorrow] = useState(() => new Date(Date.now() + 86_400_000).toISOString().slice(0, 10));
  return (
    <div className="stack-close">
      <NativeSelect
        label={t("common.expires")}
        value={value.kind}
        error={value.kind === "date" ? undefined : error}
        onChange={(event) => onChange({ ...value, kind: event.currentTarget.value as Expiry["kind"] })}
        data={[
          ...(keeping === undefined ? [] : [{ value: "keep", label: keeping }]),
          { value: "never", label: t("forms.never") },
          { value: "30", label: t("forms.in30Days") },
          { value: "90", label: t("forms.in90Days") },
          { value: "365", label: t("forms.in365Days") },
          { value: "date", label: t("forms.onADate") },
        ]}
      />
      {value.kind === "date" ? (
        <TextInput
          type="date"
          aria-label={t("forms.lastDayInUtc")}
          description={t("forms.lastDayHint")}
          min={tomorrow}
          required
          value={value.date}
          error={error}
          onChange={(event) => onChange({ ...value, date: event.currentTarget.value })}
        />
      ) : null}
    </div>
  );
}
