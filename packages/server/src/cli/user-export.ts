import type { Flags } from "../config/config.ts";
import { exportUsers } from "../core/bulk/export-users.ts";
import type { RowFormat } from "../core/bulk/import-row.ts";
import type { CliContext } from "./context.ts";
import { loadNamedAccount } from "./named-account.ts";
import { withTarget } from "./target.ts";
import { writePieces } from "./write-pieces.ts";

/** The options of `user export`. */
export interface ExportOptions extends Flags {
  readonly format: RowFormat;
  readonly account?: string;
}

/** Writes API users and their keys to standard output, as an import takes them. */
export async function exportUserFile(context: CliContext, options: ExportOptions): Promise<void> {
  const { account, format } = options;
  await withTarget(context, options, async ({ operate, server, administration }) => {
    if (account !== undefined) await loadNamedAccount(operate, account);
    if (server === undefined) {
      await writePieces(context, exportUsers(administration, { account, format }));
      return;
    }
    const { downloadUsers } = await import("./remote-operations.ts");
    await writePieces(context, downloadUsers(server, { format, account }));
  });
}
