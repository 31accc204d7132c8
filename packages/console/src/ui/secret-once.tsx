import { Button, Checkbox } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { CopyButton } from "./copy-button.tsx";
import { Dialog } from "./dialog.tsx";
import { Note } from "./problem.tsx";
import { t } from "../text/t.ts";

/** Shows a secret that can't be shown again. The dialog closes only once the operator confirms that the secret is stored. */
export function SecretOnce({
  title,
  about,
  secret,
  kind,
  onStored,
}: {
  readonly title: string;
  readonly about: ReactNode;
  /** `null` if an earlier attempt already created it, so that it can't be shown again. */
  readonly secret: string | null;
  /** What it is, for the button that copies it. */
  readonly kind: "secret" | "link" | "adminToken";
  readonly onStored: () => void;
}) {
  if (secret === null) {
    return (
      <Dialog title={title} onClose={onStored}>
        <div className="stack">
          <Note kind="warning">{t("ui.secretNotShown", { kind })}</Note>
          <div className="dialog-foot">
            <Button onClick={onStored}>{t("common.close")}</Button>
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
          <CopyButton text={secret} label={t("ui.copySecret", { kind })} />
        </div>
        <Stored onStored={onStored} />
      </div>
    </Dialog>
  );
}

/** Enables the button only once the operator has ticked "I have stored it". */
export function Stored({
  onStored,
  what = "secret",
  next = t("common.done"),
}: {
  readonly onStored: () => void;
  readonly what?: "secret" | "codes";
  readonly next?: string;
}) {
  const [isStored, setIsStored] = useState(false);
  return (
    <>
      <Note kind="warning">{t("ui.shownOnce", { what })}</Note>
      <Checkbox
        label={t("ui.iHaveStored", { what })}
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
