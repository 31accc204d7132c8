import { inactiveReason } from "@countersign/protocol";
import type { Flags } from "../config/config.ts";
import { isoTime } from "../core/json/registry.ts";
import { NegativeResult, type CliContext, paint, print } from "./context.ts";
import { withAdministration } from "./store-flags.ts";
import { formatFields } from "./table.ts";
import { relativeTime } from "./time.ts";

type Options = Flags & { readonly json?: boolean };

/** Checks a token and says whose it is, or why it is inactive. @throws {NegativeResult} if it is inactive */
export async function checkToken(context: CliContext, token: string, options: Options): Promise<void> {
  const verdict = await withAdministration(context, options, async (administration) =>
    (await administration.openCheck())(token),
  );
  if (!verdict.active) {
    print(
      context,
      options.json,
      verdict,
      () => `${paint(context, "red", "inactive")}: ${verdict.reason}\n${inactiveReason(verdict.reason)}`,
    );
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
}
