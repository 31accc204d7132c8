import { Command } from "commander";
import { ASSERTION_BYTES_MAX } from "@countersign/protocol";
import type { Flags } from "../config/config.ts";
import { keyJson } from "../core/json/registry.ts";
import { revokeByStatement } from "../core/revocation/revoke-by-statement.ts";
import { parseStatement, signStatement, verifyStatement } from "../core/revocation/statement.ts";
import { confirm, type YesOption } from "./confirm.ts";
import { type CliContext, note, print, readStdin } from "./context.ts";
import { readSmallFile } from "./read-file.ts";
import { readPrivateKey } from "./read-private-key.ts";
import { commitAs, withAdministration } from "./store-flags.ts";
import { writeNewFile } from "./write-file.ts";

/** `countersign key revocation`: makes a revocation statement, on the machine that has the private key. Opens no store. */
export function revocationCommand(context: CliContext): Command {
  return new Command("revocation")
    .description("make the statement by which a key revokes itself, to keep for the day when the key leaks")
    .requiredOption("--key <file>", "the private key")
    .option("--out <file>", "where to write the statement; never overwritten (default: standard output)")
    .action(({ key, out }: { key: string; out?: string }) => {
      const statement = signStatement(readPrivateKey(key));
      // Refuses a key that no statement can be about.
      parseStatement(statement);
      if (out === undefined) context.stdout.write(`${statement}\n`);
      else writeNewFile(out, `${statement}\n`);
      note(
        context,
        "anybody who has this statement can revoke the key for good; keep it in a safe place, apart from the key",
      );
    });
}

/** `countersign key revoke --statement <file>`: does what `POST /api/auth/v0/revoke-key/` does. @throws {Refusal} */
export async function revokeByStatementFile(
  context: CliContext,
  options: Flags & YesOption & { readonly json?: boolean },
  file: string,
): Promise<void> {
  const bytesMax = 2 * ASSERTION_BYTES_MAX;
  const text = file === "-" ? await readStdin(context, bytesMax) : readSmallFile(file, bytesMax).toString("utf8");
  const statement = await verifyStatement(parseStatement(statementOf(text.trim())));
  await confirm(
    context,
    options,
    "Every key with the statement's modulus is revoked for good, and none is accepted again.",
  );
  const { keys } = await withAdministration(context, options, (administration) =>
    commitAs(context, administration, (tx) => revokeByStatement(tx, statement)),
  );
  const now = context.clock.wallMs();
  print(
    context,
    options.json,
    keys.map((key) => keyJson(key, now)),
    () =>
      keys.length === 0
        ? "No key was left to revoke; a key with this modulus is never accepted."
        : keys.map(({ id, username }) => `Key ${id} of ${username} is revoked.`).join("\n"),
  );
}

/** The statement in a file that holds it alone, or as the body of a request to revoke the key. */
function statementOf(text: string): string {
  const inBody = /^\{\s*"revocation"\s*:\s*"([^"\\]+)"\s*\}$/.exec(text);
  return inBody?.[1] ?? text;
}
