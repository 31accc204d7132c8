import { Button, Checkbox } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { CopyButton } from "./copy-button.tsx";
import { Dialog } from "./dialog.tsx";
import { Note } from "./problem.tsx";

/** Shows a secret that nothing shows again: it closes only by saying that it was stored. */
export function SecretOnce({
  title,
  about,
  secret,
  name,
  onStored,
}: {
  readonly title: string;
  readonly about: ReactNode;
  /** `null` where it was made before, so that it can't be shown any more. */
  readonly secret: string | null;
  /** What it is called in "Copy …". */
  readonly name: string;
  readonly onStored: () => void;
}) {
  if (secret === null) {
    return (
      <Dialog title={title} onClose={onStored}>
        <div className="stack">
          <Note kind="warning">
            It was made before, and its {name} was shown then: it can't be shown again. Make a new one where it is lost.
          </Note>
          <div className="dialog-foot">
            <Button onClick={onStored}>Close</Button>
          </div>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title={title} onClose={onStored} isClosable={false}>
      <div className="stack">
        <p className="soft">{about}</p>
        <div className="secret">
          <code>{secret}</code>
          <CopyButton text={secret} label={`Copy ${name}`} />
        </div>
        <Stored onStored={onStored} />
      </div>
    </Dialog>
  );
}

/** "I have stored it", and only then the way on. */
export function Stored({
  onStored,
  what = "it",
  next = "Done",
}: {
  readonly onStored: () => void;
  readonly what?: string;
  readonly next?: string;
}) {
  const [isStored, setIsStored] = useState(false);
  return (
    <>
      <Note kind="warning">This is the only time that {what === "it" ? "it is" : `${what} are`} shown.</Note>
      <Checkbox
        label={`I have stored ${what}`}
        checked={isStored}
        onChange={(event) => setIsStored(event.currentTarget.checked)}
      />
      <div className="dialog-foot">
        <Button disabled={!isStored} onClick={onStored}>
          {next}
        </Button>
      </div>
    </>
  );
}
