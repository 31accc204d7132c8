import { Button } from "@mantine/core";
import { t } from "../text/t.ts";
import { activate, type Archivable, setArchived, type Switchable } from "./standing-change.tsx";

/** The buttons on the page of an account or an API user: to deactivate it, to activate or archive it, or to restore it. */
export function StandingButtons({
  thing,
  status,
  archivedAt,
  onDeactivate,
}: {
  readonly thing: Switchable & Archivable;
  readonly status: "active" | "deactivated";
  readonly archivedAt: string | null;
  /** Opens the dialog that says what the deactivation stops. */
  readonly onDeactivate: () => void;
}) {
  if (status === "active") {
    return (
      <Button variant="default" onClick={onDeactivate}>
        {t("common.deactivate")}
      </Button>
    );
  }
  if (archivedAt !== null) {
    return (
      <Button variant="default" onClick={() => void setArchived(thing, false)}>
        {t("common.restore")}
      </Button>
    );
  }
  return (
    <>
      <Button variant="default" onClick={() => void setArchived(thing, true)}>
        {t("common.archive")}
      </Button>
      <Button variant="default" onClick={() => void activate(thing)}>
        {t("common.activate")}
      </Button>
    </>
  );
}
