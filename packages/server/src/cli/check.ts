import { credentialKind, findCredential, inactiveReason } from "@countersign/protocol";
import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { isoTime } from "../core/json/registry.ts";
import { NegativeResult, type CliContext, note, paint, print, readStdin } from "./context.ts";
import { withAdministration, withStoreFlags } from "./store-flags.ts";
import { formatFields } from "./table.ts";
import { relativeTime } from "./time.ts";

/** More than the longest token, so that a whole answer or the output of `curl -v` can be given. */
const INPUT_CHARACTERS_MAX = 65_536;

type Options = Flags & { readonly json?: boolean };

export function checkCommand(context: CliContext): Command {
  return withStoreFlags(new Command("check"))
    .argument(
      "<token or ->",
      "a token, its header, or a text with either in it, such as the exchange's answer; - reads standard input, which keeps the token out of the process list",
    )
    .option("--json", "print JSON")
    .action(async (argument: string, options: Options) => {
      const text = argument === "-" ? await readStdin(context, INPUT_CHARACTERS_MAX) : argument;
      const found = findCredential(text);
      if (found.note !== undefined) note(context, found.note);
      if (credentialKind(bare(found.text)) !== "assertion") return checkToken(context, found.text.trim(), options);
      note(context, "This is an assertion, not a token, so it is explained.");
      const { explain } = await import("./explain.ts");
      return explain(context, found.text, options);
    });
}

/** What follows the header's name and scheme. */
function bare(text: string): string {
  return text.trim().split(/\s+/).at(-1) ?? "";
}

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
