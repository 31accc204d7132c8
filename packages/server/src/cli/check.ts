import { findCredential, foundKind } from "@countersign/protocol";
import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { checkToken } from "./check-token.ts";
import { type CliContext, note, readStdin } from "./context.ts";
import { withTargetFlags } from "./target.ts";

/** More than the longest token, so that a whole answer or the output of `curl -v` can be given. */
const INPUT_CHARACTERS_MAX = 65_536;

type Options = Flags & { readonly json?: boolean };

export function checkCommand(context: CliContext): Command {
  return withTargetFlags(new Command("check"))
    .argument(
      "<token or ->",
      "a token, its header, or a text with either in it, such as the exchange's answer; - reads standard input, which keeps the token out of the process list",
    )
    .option("--json", "print JSON")
    .action(async (argument: string, options: Options) => {
      const text = argument === "-" ? await readStdin(context, INPUT_CHARACTERS_MAX) : argument;
      const found = findCredential(text);
      if (found.note !== undefined) note(context, found.note);
      if (foundKind(found) !== "assertion") return checkToken(context, found.text.trim(), options);
      note(context, "This is an assertion, not a token, so it is explained.");
      const { explain } = await import("./explain.ts");
      return explain(context, found.text, options);
    });
}
