import { useState } from "react";
import { useDescendants } from "../../api/keys.ts";
import { changeKey, type PublicKey } from "../../api/registry.ts";
import { DeactivateDialog, type Switchable } from "../../forms/standing-change.tsx";
import { DescendantsField, liveKeys } from "./descendants-field.tsx";
import { t } from "../../text/t.ts";

/** Deactivates a key and, if the operator chooses so, the keys that were rotated in by it. Undo activates the same keys again. */
export function DeactivateKeyDialog({
  publicKey,
  thing,
  onClose,
}: {
  readonly publicKey: PublicKey;
  readonly thing: Switchable;
  readonly onClose: () => void;
}) {
  const { id } = publicKey;
  const [withDescendants, setWithDescendants] = useState(false);
  const { data } = useDescendants(id);
  const live = withDescendants ? liveKeys(data?.items ?? []) : [];
  return (
    <DeactivateDialog
      thing={{
        ...thing,
        async change(patch, etag) {
          const changed = await changeKey(id, patch, etag, {
            withDescendants: withDescendants && patch.status === "deactivated",
          });
          if (patch.status === "active") {
            for (const key of live) await changeKey(key.id, { status: "active" }, undefined);
          }
          return changed;
        },
      }}
      scope={{ key_id: id }}
      about={t("user.deactivateKeyAbout")}
      options={
        <DescendantsField id={id} action="deactivate" isIncluded={withDescendants} onChange={setWithDescendants} />
      }
      onClose={onClose}
    />
  );
}
