import { t } from "./t.ts";

const TEXTS = {
  active: t("status.active"),
  deactivated: t("status.deactivated"),
  expired: t("status.expired"),
  revoked: t("status.revoked"),
  retired: t("status.retired"),
  waiting: t("status.waiting"),
  delivered: t("status.delivered"),
  failed: t("status.failed"),
  failing: t("status.failing"),
  ok: t("status.ok"),
  info: t("status.info"),
  warning: t("status.warning"),
  error: t("status.error"),
} as const;

/** A status that the console has a word for. */
export type Status = keyof typeof TEXTS;

/** A status in words. */
export function statusText(status: Status): string {
  return TEXTS[status];
}
