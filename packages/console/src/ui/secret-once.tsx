import { Button, Checkbox } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { CopyButton } from "./copy-button.tsx";
import { Dialog } from "./dialog.tsx";
import { Note } from "./problem.tsx";
import { t } from "../text/t.ts";
import { T } from "./t.tsx";

/** Shows a secret that can't be shown again. The dialog closes only once the operator confirms that the secret is stored. */
export function SecretOnce({
  title,
  about,
  secret,
  name,
  onStored,
}: {
  readonly title: string;
  readonly about: ReactNode;
  /** `null` if an earlier attempt already created it, so that it can't be shown again. */
  readonly secret: string | null;
  /** Its name in "Copy …". */
  readonly name: string;
  readonly onStored: () => void;
}) {
  if (secret === null) {
    return (
      <Dialog title={title} onClose={onStored}>
        <div className="stack">
          <Note kind="warning">
            <T id="ui.secretNotShown" values={{ name }} />
          </Note>
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
          <CopyButton text={secret} label={t("ui.copyNamed", { name })} />
        </div>
        <Stored onStored={onStored} />
      </div>
    </Dialog>
  );
}

/** Enables the button only once the operator has ticked "I have stored it". */
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
      <Note kind="warning">{t("ui.shownOnce", { what: what === "it" ? t("ui.itIs") : t("ui.are", { what }) })}</Note>
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
