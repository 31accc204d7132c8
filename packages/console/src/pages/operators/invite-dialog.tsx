import { TextInput } from "@mantine/core";
import { useState } from "react";
import { useMe } from "../../api/me.ts";
import { createInvitation, type InvitationWithLink, type NewGrant } from "../../api/operators.ts";
import { useChange } from "../../api/queries.ts";
import { FormDialog, fieldProblem } from "../../forms/form-dialog.tsx";
import { useIdempotencyKey } from "../../forms/idempotency-key.ts";
import { GrantFields } from "./grant-fields.tsx";
import { t } from "../../text/t.ts";

/** Invites an operator. The result is a link to pass on. */
export function InviteDialog({
  onClose,
  onInvited,
}: {
  readonly onClose: () => void;
  readonly onInvited: (invitation: InvitationWithLink) => void;
}) {
  const me = useMe();
  const key = useIdempotencyKey();
  const [email, setEmail] = useState("");
  const [grant, setGrant] = useState<NewGrant>({ role: "viewer", account: me.account });
  const invitation = useChange(() => createInvitation({ ...grant, email: email.trim() }, key), onInvited);
  return (
    <FormDialog
      title={t("operators.inviteAnOperator")}
      button={t("operators.makeTheLink")}
      change={invitation}
      isReplaced
      fields={["email", "account"]}
      onClose={onClose}
    >
      <TextInput
        label={t("common.emailAddress")}
        description={t("operators.emailHint")}
        type="email"
        autoComplete="off"
        required
        withAsterisk={false}
        data-autofocus
        value={email}
        error={fieldProblem(invitation.error, "email")}
        onChange={(event) => setEmail(event.currentTarget.value)}
      />
      <GrantFields {...grant} onChange={setGrant} accountError={fieldProblem(invitation.error, "account")} />
    </FormDialog>
  );
}
