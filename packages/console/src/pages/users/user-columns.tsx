/** The columns that every list of API users has. */
import { Link } from "wouter";
import type { ApiUser } from "../../api/registry.ts";
import type { Column } from "../../ui/data-table.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { AccessBadge, StatusBadge } from "../../ui/status-badge.tsx";
import { numberText, t } from "../../text/t.ts";

export const USERNAME: Column<ApiUser> = {
  heading: t("users.username"),
  sort: { order: "name", kind: "text" },
  cell: ({ username }) => (
    <Link href={`/users/${encodeURIComponent(username)}`} className="row-link">
      <bdi>{username}</bdi>
    </Link>
  ),
};

export const ACCESS: Column<ApiUser> = {
  heading: t("common.access"),
  width: 95,
  cell: ({ access }) => <AccessBadge access={access} />,
};

export const TOKENS_TODAY: Column<ApiUser> = {
  heading: t("common.tokensToday"),
  isMinor: true,
  width: 100,
  isEnd: true,
  cell: ({ tokens_today: tokens }) =>
    tokens === 0 ? <span className="faint">0</span> : <span>{numberText(tokens)}</span>,
};

export const LAST_USED: Column<ApiUser> = {
  heading: t("common.lastUsed"),
  width: 122,
  cell: ({ last_used_at: at }) => <RelativeTime at={at} />,
};

export const STATUS: Column<ApiUser> = {
  heading: t("common.status"),
  isLead: true,
  width: 128,
  cell: ({ status }) => <StatusBadge status={status} />,
};
