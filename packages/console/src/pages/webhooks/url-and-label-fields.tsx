import { TextInput } from "@mantine/core";
import { fieldProblem } from "../../forms/form-dialog.tsx";
import { NameField } from "../../forms/name-field.tsx";
import { t } from "../../text/t.ts";

/** Where an endpoint is, and what it is called. */
export function UrlAndLabelFields({
  url,
  label,
  onChange,
  error,
  hasFocus = false,
}: {
  readonly url: string;
  readonly label: string;
  readonly onChange: (fields: { readonly url: string; readonly label: string }) => void;
  readonly error: Error | null;
  readonly hasFocus?: boolean;
}) {
  return (
    <>
      <NameField
        label={t("webhooks.url")}
        description={t("webhooks.urlHint")}
        placeholder="https://hooks.example.com/countersign"
        hasFocus={hasFocus}
        value={url}
        problem={fieldProblem(error, "url")}
        onChange={(next) => onChange({ url: next, label })}
      />
      <TextInput
        label={t("common.label")}
        description={t("webhooks.labelHint")}
        maxLength={200}
        value={label}
        error={fieldProblem(error, "label")}
        onChange={(event) => onChange({ url, label: event.currentTarget.value })}
      />
    </>
  );
}
