import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { isoTime } from "../core/json/registry.ts";
import { TOKEN_CHARACTERS_MAX } from "../core/token/token-codec.ts";
import { NegativeResult, type CliContext, paint, print, readStdin } from "./context.ts";
import { withAdministration, withStoreFlags } from "./store-flags.ts";
import { formatFields } from "./table.ts";
import { relativeTime } from "./time.ts";

export function checkCommand(context: CliContext): Command {
  return withStoreFlags(new Command("check"))
    .argument("<token or ->", "- reads standard input, to keep the token out of the process list")
    .option("--json", "print JSON")
    .action(async (argument: string, options: Flags & { json?: boolean }) => {
      const token = (argument === "-" ? await readStdin(context, TOKEN_CHARACTERS_MAX + 100) : argument).trim();
      const verdict = await withAdministration(context, options, async (administration) =>
        (await administration.openCheck())(token),
      );
      if (!verdict.active) {
        print(context, options.json, verdict, () => `${paint(context, "red", "inactive")}: ${verdict.reason}`);
        throw new NegativeResult();
      }
      const { username, userId, account, access, keyId, endsAtSeconds } = verdict;
      const expiresAtMs = endsAtSeconds * 1000;
      print(
        context,
        options.json,
        { active: true, username, user_id: userId, account, access, key_id: keyId, expires_at: isoTime(expiresAtMs) },
        () =>
          formatFields([
            ["token", paint(context, "green", "active")],
            ["username", username],
            ["account", account],
            ["access", access],
            ["key", String(keyId)],
            ["expires", relativeTime(expiresAtMs, context.clock.wallMs())],
          ]),
      );
    });
}
