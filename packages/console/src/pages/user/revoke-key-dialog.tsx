import { useState } from "react";
import { changeKey, type PublicKey, readKey } from "../../api/registry.ts";
import { Confirm } from "../../forms/confirm.tsx";
import { useVersion } from "../../forms/use-version.ts";
import { ImpactSummary } from "../../ui/impact-summary.tsx";
import { Note } from "../../ui/problem.tsx";
import { DescendantsField } from "./descendants-field.tsx";
import { tell } from "../../ui/tell.tsx";

/** Revokes a key. This can't be undone, so the operator types which key is meant. */
export function RevokeKeyDialog({
  publicKey,
  onClose,
}: {
  readonly publicKey: PublicKey;
  readonly onClose: () => void;
}) {
  const { id, label, fingerprint } = publicKey;
  const [withDescendants, setWithDescendants] = useState(false);
  const { newer, apply } = useVersion(() => readKey(id));
  const name = label === null ? `key ${id}` : <bdi>{label}</bdi>;
  const expected = label ?? fingerprint.slice(-8);
  return (
    <Confirm
      title={<>Revoke {name} permanently?</>}
      impact={<ImpactSummary scope={{ key_id: id }} />}
      note={
        newer === undefined ? null : (
          <Note kind="warning">
            This key was changed in the meantime; nothing was done. The list behind this dialog shows its current state.
            Press the button again to revoke it anyway.
          </Note>
        )
      }
      options={<DescendantsField id={id} what="Revoke" isIncluded={withDescendants} onChange={setWithDescendants} />}
      button="Revoke permanently"
      typed={{
        text: expected,
        label:
          label === null ? (
            <>
              Type the last 8 characters of its fingerprint, <code>{expected}</code>, to confirm
            </>
          ) : (
            <>
              Type its label, <bdi className="mono">{label}</bdi>, to confirm
            </>
          ),
      }}
      run={() => apply(({ etag }) => changeKey(id, { status: "revoked" }, etag, { withDescendants }))}
      onDone={() => tell(<>Revoked {name} permanently.</>)}
      onClose={onClose}
    >
      <p>A revoked key can't be activated or added again. To stop it for now, deactivate it instead.</p>
    </Confirm>
  );
}
