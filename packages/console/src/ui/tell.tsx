import { Button } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import type { ReactNode } from "react";
import { ApiError } from "../api/api-error.ts";
import { Icon } from "./icon.tsx";
import { t } from "../text/t.ts";

/** How long a notification stays, in milliseconds; with an Undo long enough to be reached by keyboard. */
const STAYS_MS = 5000;
const STAYS_WITH_UNDO_MS = 15_000;

/** Says that something was done, and offers to undo it. */
export function tell(message: ReactNode, undo?: () => Promise<void>): void {
  const id = crypto.getRandomValues(new Uint32Array(2)).join("-");
  notifications.show({
    id,
    icon: <Icon name="check" />,
    color: "teal",
    autoClose: undo === undefined ? STAYS_MS : STAYS_WITH_UNDO_MS,
    closeButtonProps: { "aria-label": t("ui.dismiss") },
    message:
      undo === undefined ? (
        message
      ) : (
        <div className="row">
          <span>{message}</span>
          <Button
            variant="default"
            size="xs"
            onClick={() => {
              notifications.hide(id);
              undo().catch(tellProblem);
            }}
          >
            {t("ui.undo")}
          </Button>
        </div>
      ),
  });
}

/** Shows a warning about a change that was made. */
export function tellWarning(message: string): void {
  showAlert({ color: "yellow", message });
}

/** Says why something that was asked for without a dialog wasn't done. */
export function tellProblem(error: unknown): void {
  const { message } = error instanceof Error ? error : new Error(t("ui.itFailed"));
  const hint = error instanceof ApiError ? error.hint : undefined;
  showAlert({ color: "red", title: message, message: hint ?? "" });
}

function showAlert(shown: { readonly color: string; readonly title?: string; readonly message: string }): void {
  notifications.show({
    icon: <Icon name="alert" />,
    autoClose: STAYS_WITH_UNDO_MS,
    closeButtonProps: { "aria-label": t("ui.dismiss") },
    ...shown,
  });
}
