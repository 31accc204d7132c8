import { Checkbox } from "@mantine/core";
import { t } from "../text/t.ts";

/** Whether a client may replace its own key. */
export function RotationField({
  isAllowed,
  onChange,
}: {
  readonly isAllowed: boolean;
  readonly onChange: (isAllowed: boolean) => void;
}) {
  return (
    <Checkbox
      label={t("forms.rotation")}
      description={t("forms.rotationHint")}
      checked={isAllowed}
      onChange={(event) => onChange(event.currentTarget.checked)}
    />
  );
}
