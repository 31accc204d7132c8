import { existsSync, statSync } from "node:fs";
import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { errorProblem } from "../platform/error-code.ts";
import { type CliContext, note, print } from "./context.ts";
import { withAdministration, withStoreFlags } from "./store-flags.ts";
import { OperatorError } from "../core/operator-error.ts";

export function backupCommand(context: CliContext): Command {
  return withStoreFlags(new Command("backup"))
    .argument("<file>", "where to write the copy; an existing file is never overwritten")
    .option("--json", "print JSON")
    .action(async (file: string, options: Flags & { json?: boolean }) => {
      if (existsSync(file)) throw new OperatorError(`${file} already exists and isn't overwritten. Name another file.`);
      await withAdministration(context, options, ({ store }) =>
        store.backup(file).catch((error: unknown) => {
          // SQLite's errors are clear as they are. File system errors name the temporary copy, which the operator doesn't know.
          const isFileSystems = error instanceof Error && "syscall" in error && "code" in error;
          throw isFileSystems ? new OperatorError(`${file} can't be written (${errorProblem(error)}).`) : error;
        }),
      );
      const { size } = statSync(file);
      print(context, options.json, { file, bytes: size }, () => `${file}, ${size} bytes.`);
      note(
        context,
        "the copy doesn't contain the master secret; back up master.key, or the configured secret, separately.",
      );
    });
}
