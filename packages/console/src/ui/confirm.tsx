import { Button, TextInput } from "@mantine/core";
import { type FormEvent, type ReactNode, useState } from "react";
import { Dialog } from "./dialog.tsx";
import { Problem } from "./problem.tsx";

/**
 * Asks before something is done that can't be undone. @param typed what has to be typed, where a slip would be grave
 */
export function Confirm<Result>({
  title,
  children,
  button,
  isDangerous = true,
  typed: expected,
  run,
  onDone,
  onClose,
}: {
  readonly title: ReactNode;
  readonly children: ReactNode;
  readonly button: string;
  readonly isDangerous?: boolean;
  readonly typed?: { readonly text: string; readonly label: ReactNode };
  /** What is done. Where it fails, the dialog stays and says why. */
  readonly run: () => Promise<Result>;
  /** What follows, where it isn't simply that the dialog closes. */
  readonly onDone?: (result: Result) => void;
  readonly onClose: () => void;
}) {
  const [typed, setTyped] = useState("");
  const [isRunning, setIsRunning] = useState(false);
  const [error, setError] = useState<Error>();
  const isReady = expected === undefined || typed.trim() === expected.text;

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    if (!isReady) return;
    setIsRunning(true);
    setError(undefined);
    try {
      const result = await run();
      if (onDone === undefined) onClose();
      else onDone(result);
    } catch (problem) {
      setError(problem as Error);
    } finally {
      setIsRunning(false);
    }
  }

  return (
    <Dialog title={title} onClose={onClose}>
      <form className="stack" onSubmit={(event) => void submit(event)}>
        <div className="soft stack-close">{children}</div>
        {error === undefined ? null : <Problem error={error} />}
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
        <div className="dialog-foot">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button
            type="submit"
            {...(isDangerous ? { color: "red" } : {})}
            {...(expected === undefined ? { "data-autofocus": true } : {})}
            disabled={!isReady}
            loading={isRunning}
          >
            {button}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
