import { Button } from "@mantine/core";
import { RECOVERY_CODES } from "@countersign/protocol";
import { type ReactNode, useState } from "react";
import type { Me } from "../../api/me.ts";
import { renewMyRecoveryCodes } from "../../api/operators.ts";
import { Confirm } from "../../forms/confirm.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ListItem } from "../../ui/item-list.tsx";
import { Section } from "../../ui/page.tsx";
import { RecoveryCodes } from "../../ui/recovery-codes.tsx";
import { PasswordDialog } from "./password-dialog.tsx";
import { t } from "../../text/t.ts";

/** The operator's password and recovery codes, to change them. */
export function PasswordAndCodes({ operator }: { readonly operator: NonNullable<Me["operator"]> }) {
  const [opened, setOpened] = useState<"password" | "renew">();
  const [codes, setCodes] = useState<readonly string[]>();
  const close = () => setOpened(undefined);
  return (
    <Section title={t("me.passwordAndRecoveryCodes")}>
      <div className="card">
        <ul className="list">
          <Credential
            title={t("common.password")}
            state={operator.has_password ? t("me.passwordSet") : t("me.noPassword")}
            button={operator.has_password ? t("me.changePassword") : t("me.setAPassword")}
            onClick={() => setOpened("password")}
          />
          <Credential
            title={t("me.recoveryCodes")}
            state={t("me.recoveryCodesState", { left: operator.recovery_codes, made: RECOVERY_CODES })}
            button={t("me.makeNewCodes")}
            onClick={() => setOpened("renew")}
          />
        </ul>
      </div>
      {opened === "password" ? <PasswordDialog hasPassword={operator.has_password} onClose={close} /> : null}
      {opened === "renew" && codes === undefined ? (
        <Confirm
          title={t("me.newRecoveryCodesTitle")}
          button={t("me.makeNewCodes")}
          isDangerous={false}
          run={renewMyRecoveryCodes}
          isReplaced
          onDone={setCodes}
          onClose={close}
        >
          <p>{t("me.newRecoveryCodesAbout")}</p>
        </Confirm>
      ) : null}
      {codes === undefined ? null : (
        <Dialog title={t("common.storeYourRecoveryCodes")} onClose={() => undefined} isClosable={false}>
          <RecoveryCodes
            codes={codes}
            next={t("common.done")}
            onStored={() => {
              close();
              setCodes(undefined);
            }}
          />
        </Dialog>
      )}
    </Section>
  );
}

function Credential({
  title,
  state,
  button,
  onClick,
}: {
  readonly title: string;
  readonly state: ReactNode;
  readonly button: string;
  readonly onClick: () => void;
}) {
  return (
    <ListItem
      name={<strong>{title}</strong>}
      facts={state}
      action={
        <Button size="xs" variant="default" onClick={onClick}>
          {button}
        </Button>
      }
    />
  );
}
