import { Button } from "@mantine/core";
import { endOperatorSession, type Operator, useOperatorSessions } from "../../api/operators.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { SessionList } from "../../ui/session-list.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

/** Lists an operator's sessions, to end one. */
export function SessionsDialog({ operator, onClose }: { readonly operator: Operator; readonly onClose: () => void }) {
  const query = useOperatorSessions(operator.id);
  return (
    <Dialog
      title={<T id="operators.sessionsOf" values={{ email: <bdi>{operator.email}</bdi> }} />}
      onClose={onClose}
      size={600}
    >
      <div className="stack">
        <div className="card">
          <SessionList query={query} end={({ id }) => endOperatorSession(operator.id, id)} />
        </div>
        <div className="dialog-foot">
          <Button variant="default" data-autofocus onClick={onClose}>
            {t("common.close")}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
