import { useState } from "react";
import { changeKey, type PublicKey, readKey } from "../../api/registry.ts";
import { Confirm } from "../../forms/confirm.tsx";
import { useVersion } from "../../forms/use-version.ts";
import { ImpactSummary } from "../../ui/impact-summary.tsx";
import { Note } from "../../ui/problem.tsx";
import { DescendantsField } from "./descendants-field.tsx";
import { tell } from "../../ui/tell.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

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
  const name = label === null ? t("common.keyNumber", { id }) : <bdi>{label}</bdi>;
  const expected = label ?? fingerprint.slice(-8);
  return (
    <Confirm
      title={<T id="user.revokeTitle" values={{ name }} />}
      impact={<ImpactSummary scope={{ key_id: id }} />}
      note={newer === undefined ? null : <Note kind="warning">{t("user.keyChangedBeforeRevoke")}</Note>}
      options={<DescendantsField id={id} action="revoke" isIncluded={withDescendants} onChange={setWithDescendants} />}
      button={t("common.revokePermanently")}
      typed={{
        text: expected,
        label:
          label === null ? (
            <T id="user.typeFingerprint" values={{ expected: <code>{expected}</code> }} />
          ) : (
            <T id="user.typeLabel" values={{ label: <bdi className="mono">{label}</bdi> }} />
          ),
      }}
      run={() => apply(({ etag }) => changeKey(id, { status: "revoked" }, etag, { withDescendants }))}
      onDone={() => tell(<T id="user.revokedPermanently" values={{ name }} />)}
      onClose={onClose}
    >
      <p>{t("user.revokeAbout")}</p>
    </Confirm>
  );
}
