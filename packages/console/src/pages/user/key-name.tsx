import type { PublicKey } from "../../api/registry.ts";
import { CopyButton } from "../../ui/copy-button.tsx";
import { PossessionBadge, WeaknessBadge } from "../../ui/key-badges.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

/** A key's label or number, its fingerprint, and what is known about it. @param others keys of the same API user, for the chain of rotations */
export function KeyName({
  publicKey,
  others,
}: {
  readonly publicKey: PublicKey;
  readonly others: readonly PublicKey[];
}) {
  const { id, fingerprint, weakness, networks, rotated_from: rotatedFrom, proved_at: provedAt } = publicKey;
  return (
    <div className="key-name" id={anchorOf(id)}>
      <strong>{keyTitle(publicKey)}</strong>
      <span className="key-fingerprint">
        <code title={fingerprint}>{fingerprint}</code>
        <CopyButton isIcon text={fingerprint} label={t("user.copyFingerprint")} />
      </span>
      <span className="key-notes">
        {weakness === null ? null : <WeaknessBadge weakness={weakness} />}
        <PossessionBadge provedAt={provedAt} />
        {networks.length === 0 ? null : (
          <span className="faint">
            <T id="user.onlyFrom" values={{ networks: <bdi className="mono">{networks.join(", ")}</bdi> }} />
          </span>
        )}
        {rotatedFrom === null ? null : (
          <span className="faint">
            <T id="user.rotatedFrom" values={{ rotatedFrom: <KeyLink id={rotatedFrom} others={others} /> }} />
          </span>
        )}
        {others
          .filter((other) => other.rotated_from === id)
          .map((other) => (
            <span key={other.id} className="faint">
              <T id="user.replacedBy" values={{ id: <KeyLink id={other.id} others={others} /> }} />
            </span>
          ))}
      </span>
    </div>
  );
}

/** A key in words: its label, or its number. */
export function keyTitle({ id, label }: Pick<PublicKey, "id" | "label">) {
  return label === null ? t("keys.keyNumber", { id }) : <bdi>{label}</bdi>;
}

function anchorOf(id: number): string {
  return `key-${id}`;
}

/** A link to the row of a key in the same table. */
function KeyLink({ id, others }: { readonly id: number; readonly others: readonly PublicKey[] }) {
  const key = others.find((other) => other.id === id);
  if (key === undefined) return <T id="common.keyNumber" values={{ id }} />;
  return <a href={`#${anchorOf(id)}`}>{key.label === null ? t("common.keyNumber", { id }) : <bdi>{key.label}</bdi>}</a>;
}
