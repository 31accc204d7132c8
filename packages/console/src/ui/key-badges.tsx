import { weaknessText } from "../text/weakness.ts";
import { t } from "../text/t.ts";
import { useExactTime } from "./time-zone.ts";
import "./status-badge.css";

/**
 * What is weak about a key. The explanation is a tooltip here; the pages that list keys also show it in full.
 *
 * @param isShort where the heading says that it is a weakness
 */
export function WeaknessBadge({
  weakness,
  isShort = false,
}: {
  readonly weakness: string;
  readonly isShort?: boolean;
}) {
  const { label, about } = weaknessText(weakness);
  return (
    <span className="badge badge-danger" title={about}>
      {isShort ? label : t("ui.weak", { label })}
    </span>
  );
}

/**
 * Whether the holder of a key has proved that it has the private key.
 *
 * @param provedAt RFC 3339; `null` without a proof
 * @param isShort where the heading says that it is about possession
 */
export function PossessionBadge({
  provedAt,
  isShort = false,
}: {
  readonly provedAt: string | null;
  readonly isShort?: boolean;
}) {
  const exactTime = useExactTime();
  if (provedAt === null) {
    return (
      <span className="faint" title={t("ui.notProvedAbout")}>
        {isShort ? t("common.notProved") : t("ui.possessionNotProved")}
      </span>
    );
  }
  return (
    <span className="badge badge-good" title={t("ui.provedAt", { provedAt: exactTime(Date.parse(provedAt)) })}>
      {isShort ? t("common.proved") : t("ui.possessionProved")}
    </span>
  );
}
