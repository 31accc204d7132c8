import { useState } from "react";
import { changeOperator, type NewGrant, type Operator, readOperator } from "../../api/operators.ts";
import { useChange } from "../../api/queries.ts";
import { FormDialog } from "../../forms/form-dialog.tsx";
import { useVersion } from "../../forms/use-version.ts";
import { Note } from "../../ui/problem.tsx";
import { tell } from "../../ui/tell.tsx";
import { GrantFields } from "./grant-fields.tsx";

/** Changes an operator's role and scope. */
export function RoleDialog({ operator, onClose }: { readonly operator: Operator; readonly onClose: () => void }) {
  const [grant, setGrant] = useState<NewGrant>({ role: operator.role, account: operator.account });
  const { newer, apply } = useVersion(() => readOperator(operator.id));
  const change = useChange(
    () => apply(({ etag }) => changeOperator(operator.id, grant, etag)),
    () =>
      tell(
        <>
          Changed the permissions of <bdi>{operator.email}</bdi>.
        </>,
      ),
  );
  return (
    <FormDialog
      title={
        <>
          Permissions of <bdi>{operator.email}</bdi>
        </>
      }
      above={
        newer === undefined ? null : (
          <Note kind="warning">
            This operator was changed in the meantime; nothing was saved. The role is now {newer.value.role}, the scope{" "}
            {newer.value.account === null ? "all accounts" : <bdi>{newer.value.account}</bdi>}, the status{" "}
            {newer.value.status}. Save again to overwrite this.
          </Note>
        )
      }
      button="Save"
      change={change}
      onClose={onClose}
    >
      <GrantFields {...grant} onChange={setGrant} />
    </FormDialog>
  );
}
