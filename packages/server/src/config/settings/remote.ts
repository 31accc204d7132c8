import { Problem } from "../config-error.ts";
import { setting } from "./setting.ts";

/** How commands reach another machine's server. */
export const REMOTE_SETTINGS = {
  adminToken: setting({
    variable: "COUNTERSIGN_ADMIN_TOKEN",
    default: "none: commands work on the store itself",
    meaning:
      "admin token with which commands work on the server at COUNTERSIGN_ADMIN_URL or --admin-url, in place of a store; a server ignores it",
    secret: true,
    parse: (text) => (text === undefined ? undefined : parseAdminToken(text)),
  }),
} as const;

function parseAdminToken(text: string): string {
  if (/^csat_[0-9A-Za-z_-]{20,200}$/.test(text)) return text;
  throw new Problem("an admin token is needed; it begins with csat_");
}
