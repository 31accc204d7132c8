import { Button } from "@mantine/core";
import { endOperatorSession, type Operator, useOperatorSessions } from "../../api/operators.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { SessionList } from "../../ui/session-list.tsx";

/** Where an operator is signed in, to end a session that shouldn't be. */
export function SessionsDialog({ operator, onClose }: { readonly operator: Operator; readonly onClose: () => void }) {
  const query = useOperatorSessions(operator.id);
  return (
    <Dialog
      title={
        <>
          Sessions of <bdi>{operator.email}</bdi>
        </>
      }
      onClose={onClose}
      size={600}
    >
      <div className="stack">
        <div className="card">
          <SessionList
            query={query}
            end={async ({ id }) => {
              await endOperatorSession(operator.id, id);
              await query.refetch();
            }}
          />
        </div>
        <div className="dialog-foot">
          <Button variant="default" data-autofocus onClick={onClose}>
            Close
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
