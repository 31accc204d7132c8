import { type Status, statusText } from "../text/status-text.ts";
import { t } from "../text/t.ts";
import "./status-badge.css";

const LOOKS = {
  active: "badge-good",
  deactivated: "badge-warning",
  expired: "badge-warning",
  revoked: "badge-danger",
  retired: "badge-danger",
  waiting: "badge-accent",
  delivered: "badge-good",
  failed: "badge-danger",
  failing: "badge-warning",
  ok: "badge-good",
  info: "badge-accent",
  warning: "badge-warning",
  error: "badge-danger",
} as const satisfies Record<Status, string>;

/** A status in words; the colour only repeats it. */
export function StatusBadge({ status }: { readonly status: Status }) {
  return <span className={`badge ${LOOKS[status]}`}>{statusText(status)}</span>;
}

/** The access of an API user. */
export function AccessBadge({ access }: { readonly access: "full" | "read_only" }) {
  return access === "full" ? <span className="soft">{t("ui.full")}</span> : <Tag>{t("ui.readOnly")}</Tag>;
}

/** Any other short label. */
export function Tag({ children }: { readonly children: string }) {
  return <span className="badge badge-plain">{children}</span>;
}
