import { Button, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { ApiError } from "../../api/api-error.ts";
import { changeKey, type PublicKey, readKey, useRegistryChanged } from "../../api/registry.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { ImpactSummary } from "../../ui/impact-summary.tsx";
import { Note, Problem } from "../../ui/problem.tsx";
import { tell } from "../../ui/tell.tsx";
import { useRead } from "../../ui/use-read.ts";

/** Revoking can't be undone: whoever does it types which key they mean. */
export function RevokeKeyDialog({
  publicKey,
  onClose,
}: {
  readonly publicKey: PublicKey;
  readonly onClose: () => void;
}) {
  const { id, label, fingerprint } = publicKey;
  const changed = useRegistryChanged();
  const read = useRead(() => readKey(id));
  const [typed, setTyped] = useState("");
  const [isRevoking, setIsRevoking] = useState(false);
  const [isNewer, setIsNewer] = useState(false);
  const [error, setError] = useState<Error>();
  const expected = label ?? fingerprint.slice(-8);

  async function revoke(event: FormEvent): Promise<void> {
    event.preventDefault();
    if (typed.trim() !== expected) return;
    setIsRevoking(true);
    setError(undefined);
    try {
      const { etag } = isNewer ? await readKey(id) : await read();
      await changeKey(id, { status: "revoked" }, etag);
      await changed();
      tell(<>Revoked {label === null ? `key ${id}` : <bdi>{label}</bdi>} for good.</>);
      onClose();
    } catch (problem) {
      if (problem instanceof ApiError && problem.code === "precondition_failed") {
        setIsNewer(true);
        await changed();
      } else setError(problem as Error);
    } finally {
      setIsRevoking(false);
    }
  }

  return (
    <Dialog title={<>Revoke {label === null ? `key ${id}` : <bdi>{label}</bdi>} for good?</>} onClose={onClose}>
      <form className="stack" onSubmit={(event) => void revoke(event)}>
        <ImpactSummary scope={{ key_id: id }} />
        <p className="soft">
          A revoked key can't be activated again, nor added a second time. To stop it for now, deactivate it instead.
        </p>
        {isNewer ? (
          <Note kind="warning">
            Somebody changed this key meanwhile; nothing was done. The list behind shows it as it is now; press again to
            revoke it all the same.
          </Note>
        ) : null}
        {error === undefined ? null : <Problem error={error} />}
        <TextInput
          label={
            label === null ? (
              <>
                Type the last 8 characters of its fingerprint, <code>{expected}</code>
              </>
            ) : (
              <>
                Type its label, <bdi className="mono">{label}</bdi>
              </>
            )
          }
          autoComplete="off"
          spellCheck={false}
          data-autofocus
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
        <div className="dialog-foot">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" color="red" disabled={typed.trim() !== expected} loading={isRevoking}>
            Revoke for good
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
