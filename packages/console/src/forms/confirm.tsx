import { TextInput } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { useChange } from "../api/queries.ts";
import { FormDialog } from "./form-dialog.tsx";

/**
 * Asks for confirmation before a change. If the change fails, the dialog stays open and says why.
 *
 * @param typed what the operator has to type first, if a slip would be grave
 */
export function Confirm<Result>({
  title,
  impact,
  children,
  note,
  options,
  button,
  isDangerous = true,
  typed: expected,
  run,
  onDone,
  isReplaced = false,
  onClose,
}: {
  readonly title: ReactNode;
  /** What the change stops, above the explanation. */
  readonly impact?: ReactNode;
  /** The explanation. */
  readonly children: ReactNode;
  /** A remark below the explanation. */
  readonly note?: ReactNode;
  /** Fields that say what else the change does. */
  readonly options?: ReactNode;
  readonly button: string;
  readonly isDangerous?: boolean;
  readonly typed?: { readonly text: string; readonly label: ReactNode };
  readonly run: () => Promise<Result>;
  /** Called as soon as the change is made; the dialog closes once the page shows it. */
  readonly onDone?: (result: Result) => void;
  /** Whether `onDone` opens another dialog in its place, which success must not close. */
  readonly isReplaced?: boolean;
  readonly onClose: () => void;
}) {
  const [typed, setTyped] = useState("");
  const change = useChange<void, Result>(run, onDone);
  return (
    <FormDialog
      title={title}
      above={
        <>
          {impact}
          <div className="soft stack-close">{children}</div>
          {note}
        </>
      }
      button={button}
      isDangerous={isDangerous}
      isReady={expected === undefined || typed.trim() === expected.text}
      hasFocus={expected === undefined}
      change={change}
      isReplaced={isReplaced}
      onClose={onClose}
    >
      {options}
      {expected === undefined ? null : (
        <TextInput
          label={expected.label}
          autoComplete="off"
          spellCheck={false}
          data-autofocus
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
      )}
    </FormDialog>
  );
}
