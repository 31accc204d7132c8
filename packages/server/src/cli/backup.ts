import { existsSync, statSync } from "node:fs";
import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { errorProblem } from "../platform/error-code.ts";
import { type CliContext, print } from "./context.ts";
import { withAdministration, withStoreFlags } from "./store-flags.ts";
import { OperatorError } from "../core/operator-error.ts";

export function backupCommand(context: CliContext): Command {
  return withStoreFlags(new Command("backup"))
    .argument("<file>", "where the copy goes; never overwritten")
    .description("write a consistent copy of the SQLite store while it is in use")
    .option("--json", "print JSON")
    .action(async (file: string, options: Flags & { json?: boolean }) => {
      if (existsSync(file))
        throw new OperatorError(`${file} is there already; it isn't overwritten. Name another file.`);
      await withAdministration(context, options, ({ store }) =>
        store.backup(file).catch((error: unknown) => {
          // SQLite's own errors stand for themselves; the file system's name the unfinished copy, which the operator doesn't know.
          const isFileSystems = error instanceof Error && "syscall" in error && "code" in error;
          throw isFileSystems ? new OperatorError(`${file} can't be written (${errorProblem(error)}).`) : error;
        }),
      );
      const { size } = statSync(file);
      print(context, options.json, { file, bytes: size }, () => `${file}, ${size} bytes.`);
      context.stderr.write(
        "countersign: note: the master secret isn't in the copy; keep master.key, or the configured secret, apart.\n",
      );
    });
}
