import { Button, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { ApiError } from "../../api/api-error.ts";
import { useMe } from "../../api/me.ts";
import { createInvitation, type InvitationWithLink, type NewGrant } from "../../api/operators.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { useIdempotencyKey } from "../../forms/idempotency-key.ts";
import { Problem } from "../../ui/problem.tsx";
import { GrantFields } from "./grant-fields.tsx";

/** Invites somebody; what comes of it is a link to give them. */
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
  const invitation = useMutation({
    mutationFn: () => createInvitation({ ...grant, email: email.trim() }, key),
    gcTime: 0,
  });
  const refusal = invitation.error instanceof ApiError ? invitation.error : undefined;
  const emailProblem = refusal?.fieldMessage("email");
  const accountProblem = refusal?.fieldMessage("account");

  function submit(event: FormEvent): void {
    event.preventDefault();
    invitation.mutate(undefined, { onSuccess: onInvited });
  }

  return (
    <Dialog title="Invite an operator" onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        {invitation.error !== null && emailProblem === undefined && accountProblem === undefined ? (
          <Problem error={invitation.error} />
        ) : null}
        <TextInput
          label="E-mail address"
          description="What they sign in with. Nothing is sent to it: you give them the link."
          type="email"
          autoComplete="off"
          required
          withAsterisk={false}
          data-autofocus
          value={email}
          error={emailProblem}
          onChange={(event) => setEmail(event.currentTarget.value)}
        />
        <GrantFields {...grant} onChange={setGrant} accountError={accountProblem} />
        <div className="dialog-foot">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={invitation.isPending}>
            Make the link
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
