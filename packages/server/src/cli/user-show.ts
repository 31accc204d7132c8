import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { unknownUser } from "../core/users/changes.ts";
import { type CliContext, paintStatus, print } from "./context.ts";
import { keyTable } from "./key-table.ts";
import { shownNotes } from "./notes.ts";
import { listAll } from "./operations.ts";
import { formatFields } from "./table.ts";
import { named, withOperations, withTargetFlags } from "./target.ts";
import { relativeTime } from "./time.ts";

/** `user show`: everything that is known about one API user, with its keys. */
export function userShowCommand(context: CliContext): Command {
  return withTargetFlags(new Command("show"))
    .argument("<username>")
    .description("show an API user, its use and its keys")
    .option("--json", "print JSON")
    .action(async (username: string, options: Flags & { readonly json?: boolean }) => {
      const { user, keys } = await withOperations(context, options, async (operate) => {
        const { data } = await named(operate("getUser", { params: { username } }), unknownUser(username));
        const listed = await listAll(operate, "listAllKeys", { query: { username } });
        return { user: data, keys: listed.toReversed() };
      });
      const { active_keys: activeKeys, last_used_at: lastUsedAt, tokens_today: tokensToday } = user;
      print(context, options.json, { ...user, keys }, () => {
        const now = context.clock.wallMs();
        const fields = formatFields([
          ["username", user.username],
          ...(user.display_name === null ? [] : [["name", user.display_name] as const]),
          ["account", user.account],
          ["status", paintStatus(context, user.status)],
          ["access", user.access],
          ["may rotate", user.may_rotate ? "yes" : "no"],
          ["networks", user.networks.join(", ") || "any"],
          ["created", relativeTime(Date.parse(user.created_at), now)],
          ["last used", lastUsedAt === null ? "never" : relativeTime(Date.parse(lastUsedAt), now)],
          ["tokens today", String(tokensToday)],
          ["keys", `${keys.length}, ${activeKeys} of them active`],
          ...shownNotes(user),
        ]);
        return keys.length === 0 ? fields : `${fields}\n\n${keyTable(context, keys, now, false)}`;
      });
    });
}
