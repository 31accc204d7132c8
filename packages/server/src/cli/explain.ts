import { findCredential } from "@countersign/protocol";
import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import type { ExplainStep } from "../core/explain.ts";
import { parseAddressText } from "../core/networks.ts";
import { NegativeResult, type CliContext, note, paint, print, readStdin, WrongUsage } from "./context.ts";
import { withOperations, withTargetFlags } from "./target.ts";

/** More than the longest assertion, so that the explanation, not this limit, refuses one that is too long. */
const INPUT_CHARACTERS_MAX = 65_536;

interface Options extends Flags {
  readonly json?: boolean;
  readonly from?: string;
}

export function explainCommand(context: CliContext): Command {
  return withTargetFlags(new Command("explain"))
    .argument(
      "<jwt or ->",
      "an assertion, its header, or a text with either in it, such as the output of curl -v; - reads standard input",
    )
    .option("--from <address>", "the client's IP address, to check it against the networks of the user and the key")
    .option("--json", "print JSON")
    .action(async (argument: string, options: Options) => {
      const text = argument === "-" ? await readStdin(context, INPUT_CHARACTERS_MAX) : argument;
      const found = findCredential(text);
      if (found.note !== undefined) note(context, found.note);
      if (found.kind === "assertion") return explain(context, found.text, options);
      note(context, "This is a token, not an assertion, so it is checked.");
      const { checkToken } = await import("./check-token.ts");
      return checkToken(context, found.text, options);
    });
}

/** Explains an assertion, or the header that carried it. @throws {NegativeResult} if the exchange would refuse it */
export async function explain(context: CliContext, text: string, options: Options): Promise<void> {
  const { from } = options;
  if (from !== undefined && parseAddressText(from) === undefined) throw new WrongUsage("--from takes an IP address.");
  const { data: explanation } = await withOperations(context, options, (operate) =>
    operate("explainAssertion", { body: { assertion: text, from } }),
  );
  const { accepted, code, steps } = explanation;
  print(context, options.json, { accepted, code, steps }, () =>
    [
      ...steps.map((step) => formatStep(context, step)),
      "",
      accepted
        ? paint(context, "green", "The exchange would accept it.")
        : paint(context, "red", `The exchange would refuse it: ${code ?? ""}.`),
    ].join("\n"),
  );
  if (!accepted) throw new NegativeResult();
}

const MARKS = { passed: ["green", "ok  "], refused: ["red", "FAIL"], note: ["cyan", "note"] } as const;

function formatStep(context: CliContext, { check, outcome, detail, hint }: ExplainStep): string {
  const [style, mark] = MARKS[outcome];
  const line = `${paint(context, style, mark)}  ${check.padEnd(8)}  ${detail}`;
  return hint === undefined ? line : `${line}\n${" ".repeat(16)}${hint}`;
}
