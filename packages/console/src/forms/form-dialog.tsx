import { Button } from "@mantine/core";
import type { UseMutationResult } from "@tanstack/react-query";
import type { FormEvent, ReactNode } from "react";
import { ApiError } from "../api/api-error.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Icon, type IconName } from "../ui/icon.tsx";
import { Problem } from "../ui/problem.tsx";
import { t } from "../text/t.ts";

/** What is wrong with one field of a form, if anything. @param name as in the API, such as `shortname` */
export function fieldProblem(error: Error | null, name: string): string | undefined {
  return error instanceof ApiError ? error.fieldMessage(name) : undefined;
}

/** Whether a change was refused because another operator had changed the same thing since it was read. */
export function isConflict(error: Error | null): boolean {
  return error instanceof ApiError && error.code === "precondition_failed";
}

/**
 * A form in a dialog for one change. A successful change closes the dialog; a failed one leaves it open with the error.
 *
 * @param change as `useChange` returns it
 * @param fields names of the fields that show their own errors, as `fieldProblem` has them
 */
export function FormDialog<Result>({
  title,
  above,
  children,
  button,
  icon,
  isDangerous = false,
  isReady = true,
  hasFocus = false,
  change,
  error = change.error,
  fields = [],
  isReplaced = false,
  onSubmit = () => change.mutate(undefined, isReplaced ? {} : { onSuccess: () => onClose() }),
  onClose,
  size,
}: {
  readonly title: ReactNode;
  /** Shown above the error, if there is one; the fields follow it. */
  readonly above?: ReactNode;
  readonly children?: ReactNode;
  readonly button: string;
  readonly icon?: IconName;
  readonly isDangerous?: boolean;
  readonly isReady?: boolean;
  /** Whether the button has the focus at first. */
  readonly hasFocus?: boolean;
  readonly change: UseMutationResult<Result, Error, void>;
  /** What to show of the change's error, if not the error itself. */
  readonly error?: Error | null;
  readonly fields?: readonly string[];
  /** Whether the change's `onDone` opens another dialog in its place, which success must not close. */
  readonly isReplaced?: boolean;
  readonly onSubmit?: () => void;
  readonly onClose: () => void;
  readonly size?: number;
}) {
  const isShown = error !== null && !isConflict(error) && !fields.some((name) => fieldProblem(error, name));

  function submit(event: FormEvent): void {
    event.preventDefault();
    if (isReady) onSubmit();
  }

  return (
    <Dialog title={title} onClose={onClose} {...(size === undefined ? {} : { size })}>
      <form className="stack" onSubmit={submit}>
        {above}
        {isShown ? <Problem error={error} /> : null}
        {children}
        <div className="dialog-foot">
          <Button variant="default" onClick={onClose}>
            {t("forms.cancel")}
          </Button>
          <Button
            type="submit"
            {...(isDangerous ? { color: "red" } : {})}
            {...(hasFocus ? { "data-autofocus": true } : {})}
            {...(icon === undefined ? {} : { leftSection: <Icon name={icon} /> })}
            disabled={!isReady}
            loading={change.isPending}
          >
            {button}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
