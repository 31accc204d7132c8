import { Command } from "commander";
import { type CliContext, print } from "./context.ts";
import { formatFields } from "./table.ts";

export function versionCommand(context: CliContext): Command {
  return new Command("version").option("--json", "print JSON").action(async ({ json }: { json?: boolean }) => {
    const release = await context.describeRelease();
    const fields = Object.entries(release).filter((field): field is [string, string] => field[1] !== undefined);
    print(context, json, Object.fromEntries(fields), () => formatFields(fields));
  });
}
