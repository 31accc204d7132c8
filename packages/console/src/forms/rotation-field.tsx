import { Checkbox } from "@mantine/core";

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
      label="The client may rotate its own key"
      description="It sends a new public key, signed for with the current one, which then expires after an overlap."
      checked={isAllowed}
      onChange={(event) => onChange(event.currentTarget.checked)}
    />
  );
}
