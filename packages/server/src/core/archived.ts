import { fieldRefusal } from "./refusal.ts";
import type { Standing } from "./standing.ts";

/**
 * Since when an account or an API user is archived after a change; `null` if it isn't. What is archived is out of the lists, and
 * deactivated.
 *
 * @param name of it, in a refusal @throws {Refusal} `conflict` if it would be archived and active
 */
export function archivedSince(
  { archivedAtMs }: { readonly archivedAtMs: number | null },
  patch: { readonly archived?: boolean | undefined; readonly status?: Standing | undefined },
  nowMs: number,
  name: string,
): number | null {
  if (!(patch.archived ?? archivedAtMs !== null)) return null;
  if (patch.status === "active") {
    throw fieldRefusal("conflict", `${name} is archived, so it can't be active. Restore it first.`, "status");
  }
  return archivedAtMs ?? nowMs;
}
