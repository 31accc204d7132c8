import { Command, Option } from "commander";
import type { CliContext } from "./context.ts";
import { withTargetFlags } from "./target.ts";
import type { ExportOptions } from "./user-export.ts";
import type { ImportOptions } from "./user-import.ts";

/** `user import`: API users and their keys from a file. */
export function userImportCommand(context: CliContext): Command {
  return withTargetFlags(new Command("import"))
    .argument("<file>", "CSV or JSON lines; - for standard input")
    .description("create API users and add their keys, thousands at a time")
    .addOption(formatOption("by default by the file's name; CSV for standard input"))
    .option("--account <shortname>", "the account of all rows")
    .option("--dry-run", "examine everything, and change nothing")
    .option("--rejects <file>", "import what can be imported, and write the other rows to this new file")
    .option("--json", "print JSON")
    .action(async (source: string, options: ImportOptions) => {
      const { importUserFile } = await import("./user-import.ts");
      await importUserFile(context, source, options);
    });
}

/** `user export`: API users and their keys as an import takes them. */
export function userExportCommand(context: CliContext): Command {
  return withTargetFlags(new Command("export"))
    .description("write API users and their keys to standard output, as user import reads them")
    .addOption(formatOption("CSV by default").default("csv"))
    .option("--account <shortname>", "only of this account")
    .action(async (options: ExportOptions) => {
      const { exportUserFile } = await import("./user-export.ts");
      await exportUserFile(context, options);
    });
}

function formatOption(byDefault: string): Option {
  return new Option("--format <format>", `csv or jsonl (${byDefault})`).choices(["csv", "jsonl"]);
}
