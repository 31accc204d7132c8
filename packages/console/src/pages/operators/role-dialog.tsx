import { Button } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { ApiError } from "../../api/api-error.ts";
import { changeOperator, type NewGrant, type Operator, readOperator } from "../../api/operators.ts";
import type { Versioned } from "../../api/client.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { Note, Problem } from "../../ui/problem.tsx";
import { tell } from "../../ui/tell.tsx";
import { useRead } from "../../ui/use-read.ts";
import { GrantFields } from "./grant-fields.tsx";

/** Changes what an operator may do, and where. */
export function RoleDialog({
  operator,
  onClose,
  onChanged,
}: {
  readonly operator: Operator;
  readonly onClose: () => void;
  readonly onChanged: () => void;
}) {
  const read = useRead(() => readOperator(operator.id));
  const [grant, setGrant] = useState<NewGrant>({ role: operator.role, account: operator.account });
  const [isSaving, setIsSaving] = useState(false);
  const [newer, setNewer] = useState<Versioned<Operator>>();
  const [error, setError] = useState<Error>();

  async function save(event: FormEvent): Promise<void> {
    event.preventDefault();
    setIsSaving(true);
    setError(undefined);
    try {
      const { etag } = newer ?? (await read());
      await changeOperator(operator.id, grant, etag);
      onChanged();
      tell(
        <>
          Changed what <bdi>{operator.email}</bdi> may do.
        </>,
      );
      onClose();
    } catch (problem) {
      if (problem instanceof ApiError && problem.code === "precondition_failed") {
        setNewer(await readOperator(operator.id));
        onChanged();
      } else setError(problem as Error);
    } finally {
      setIsSaving(false);
    }
  }

  return (
    <Dialog
      title={
        <>
          What <bdi>{operator.email}</bdi> may do
        </>
      }
      onClose={onClose}
    >
      <form className="stack" onSubmit={(event) => void save(event)}>
        {newer === undefined ? null : (
          <Note kind="warning">
            Somebody changed this operator meanwhile; nothing was saved. Now it is {newer.value.role},{" "}
            {newer.value.account === null ? "everywhere" : <bdi>in {newer.value.account}</bdi>}, {newer.value.status}.
            Save again to overwrite that.
          </Note>
        )}
        {error === undefined ? null : <Problem error={error} />}
        <GrantFields {...grant} onChange={setGrant} />
        <div className="dialog-foot">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={isSaving}>
            Save
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
