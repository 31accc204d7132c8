import { useState } from "react";
import { changeOperator, type NewGrant, type Operator, readOperator } from "../../api/operators.ts";
import { useChange } from "../../api/queries.ts";
import { FormDialog } from "../../forms/form-dialog.tsx";
import { useVersion } from "../../forms/use-version.ts";
import { Note } from "../../ui/problem.tsx";
import { tell } from "../../ui/tell.tsx";
import { GrantFields } from "./grant-fields.tsx";
import { roleName } from "../../text/role-name.ts";
import { statusText } from "../../text/status-text.ts";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

/** Changes an operator's role and scope. */
export function RoleDialog({ operator, onClose }: { readonly operator: Operator; readonly onClose: () => void }) {
  const [grant, setGrant] = useState<NewGrant>({ role: operator.role, account: operator.account });
  const { newer, apply } = useVersion(() => readOperator(operator.id));
  const change = useChange(
    () => apply(({ etag }) => changeOperator(operator.id, grant, etag)),
    () => tell(<T id="operators.changedPermissions" values={{ email: <bdi>{operator.email}</bdi> }} />),
  );
  return (
    <FormDialog
      title={<T id="operators.permissionsOf" values={{ email: <bdi>{operator.email}</bdi> }} />}
      above={
        newer === undefined ? null : (
          <Note kind="warning">
            <T
              id="operators.changedMeanwhile"
              values={{
                role: roleName(newer.value.role),
                account: newer.value.account === null ? t("common.allAccounts") : <bdi>{newer.value.account}</bdi>,
                status: statusText(newer.value.status),
              }}
            />
          </Note>
        )
      }
      button={t("common.save")}
      change={change}
      onClose={onClose}
    >
      <GrantFields {...grant} onChange={setGrant} />
    </FormDialog>
  );
}
