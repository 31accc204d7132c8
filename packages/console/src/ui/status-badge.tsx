import "./status-badge.css";

const LOOKS = {
  active: "badge-good",
  deactivated: "badge-warning",
  expired: "badge-warning",
  revoked: "badge-danger",
  retired: "badge-danger",
  waiting: "badge-accent",
} as const;

/** Where something stands. Said in words; the colour only repeats it. */
export function StatusBadge({ status }: { readonly status: keyof typeof LOOKS }) {
  return <span className={`badge ${LOOKS[status]}`}>{status}</span>;
}

/** What an API user may do. */
export function AccessBadge({ access }: { readonly access: "full" | "read_only" }) {
  return access === "full" ? <span className="soft">full</span> : <Tag>read-only</Tag>;
}

/** Any other short word about something. */
export function Tag({ children }: { readonly children: string }) {
  return <span className="badge badge-plain">{children}</span>;
}
