import { type CliContext, paint, paintStatus } from "./context.ts";
import { formatNetworks } from "./networks.ts";
import type { KeyJson } from "./operations.ts";
import { formatTable } from "./table.ts";
import { relativeTime } from "./time.ts";

/** What the last audit found, after the status; nothing for a revoked key. */
function shownWeakness(context: CliContext, { status, weakness }: KeyJson): string {
  return weakness === null || status === "revoked" ? "" : `, ${paint(context, "red", `weak: ${weakness}`)}`;
}

/** A table of keys. @param areOfAll adds the username, which a list of one user's keys doesn't repeat */
export function keyTable(context: CliContext, keys: readonly KeyJson[], now: number, areOfAll: boolean): string {
  const rows = keys.map((key) => [
    String(key.id),
    ...(areOfAll ? [key.username] : []),
    key.label ?? "-",
    String(key.bits),
    paintStatus(context, key.status) + shownWeakness(context, key),
    relativeTime(Date.parse(key.created_at), now),
    timeOrNever(key.expires_at, now),
    timeOrNever(key.last_used_at, now),
    key.proved_at === null ? "not proved" : "proved",
    formatNetworks(key.networks),
    key.fingerprint,
  ]);
  const columns = [
    "label",
    "bits",
    "status",
    "created",
    "expires",
    "last used",
    "possession",
    "networks",
    "fingerprint",
  ];
  return formatTable(["id", ...(areOfAll ? ["username"] : []), ...columns], rows);
}

function timeOrNever(time: string | null, now: number): string {
  return time === null ? "never" : relativeTime(Date.parse(time), now);
}
