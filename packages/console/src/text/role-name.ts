import type { Role } from "@countersign/protocol";
import { t } from "./t.ts";

const NAMES: Readonly<Record<Role, string>> = {
  viewer: t("role.viewer"),
  admin: t("role.admin"),
  owner: t("role.owner"),
};

/** A role within a sentence or a list. */
export function roleName(role: Role): string {
  return NAMES[role];
}
