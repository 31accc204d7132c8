import { setTimeout } from "node:timers/promises";
import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import type { LiveNode } from "../core/signing-keys/store.ts";
import { activateSigningKey, retireSigningKey, rotateSigningKey } from "../core/signing-keys/changes.ts";
import type { SigningKeyRecord } from "../core/signing-keys/signing-keys.ts";
import { type CliContext, paint, print, WrongUsage } from "./context.ts";
import { shownSigningKeyStatus, signingKeyJson } from "../core/json/registry.ts";
import { commitAs, commitChange, withAdministration, withStoreFlags } from "./store-flags.ts";
import { formatTable } from "./table.ts";
import { relativeTime } from "./time.ts";
import { OperatorError } from "../core/operator-error.ts";

type Options = Flags & { readonly json?: boolean };

/** `rotate` waits for every node to be ready: it looks this often, in milliseconds, and for at most 30 s. */
const POLL_MS = 100;
const POLLS_MAX = 300;

export function signingKeyCommand(context: CliContext): Command {
  const command = new Command("signing-key");

  withStoreFlags(command.command("list"))
    .description("list signing keys")
    .option("--json", "print JSON")
    .action(async (options: Options) => {
      const keys = await withAdministration(context, options, ({ store }) => store.signingKeys.list());
      print(context, options.json, keys.map(signingKeyJson), () => {
        if (keys.length === 0) return "No signing keys yet; countersign serve makes one when it first starts.";
        const rows = keys.map((key) => [
          String(key.number),
          shownSigningKeyStatus(key),
          key.masterFingerprint,
          relativeTime(key.createdAtMs, context.clock.wallMs()),
        ]);
        return formatTable(["number", "status", "master secret", "created"], rows);
      });
    });

  withStoreFlags(command.command("rotate"))
    .description("make a new signing key; it signs new tokens once every live node can check them")
    .option("--json", "print JSON")
    .action(async (options: Options) => {
      const made = await withAdministration(context, options, async (administration) => {
        const { store } = administration;
        const masterSecret = await administration.newestMasterSecret();
        const { number } = await commitAs(context, administration, (tx) => rotateSigningKey(tx, masterSecret));
        for (let poll = 0; ; poll++) {
          const { key, waitingFor } = await commitAs(context, administration, activateSigningKey);
          // The key no longer waits if a node has activated it first.
          if (key === undefined || waitingFor.length === 0) break;
          if (poll === POLLS_MAX) throw stillWaiting(key, waitingFor);
          await setTimeout(POLL_MS);
        }
        return (await store.signingKeys.list()).find((key) => key.number === number);
      });
      if (made === undefined) throw new OperatorError("The new signing key has disappeared from the store.");
      print(context, options.json, signingKeyJson(made), () => `Signing key ${made.number} signs new tokens.`);
    });

  withStoreFlags(command.command("retire"))
    .argument("<number>")
    .description("retire a signing key: end all its tokens immediately and permanently")
    .option("--json", "print JSON")
    .action(async (text: string, options: Options) => {
      if (!/^[1-9][0-9]{0,9}$/.test(text)) throw new WrongUsage("Give a signing key's number, such as 1.");
      const retired = await commitChange(context, options, (tx) => retireSigningKey(tx, Number(text)));
      print(
        context,
        options.json,
        signingKeyJson(retired),
        () => `Signing key ${retired.number} is ${paint(context, "red", "retired")}; all its tokens are inactive.`,
      );
    });
  return command;
}

function stillWaiting({ number, masterFingerprint }: SigningKeyRecord, nodes: readonly LiveNode[]): OperatorError {
  return new OperatorError(
    `Signing key ${number} is waiting: it signs nothing until these nodes can check its tokens: ${nodes.map(({ id }) => id).join(", ")}. ` +
      `They lack the master secret with fingerprint ${masterFingerprint}: configure it there, followed by a comma and the old one, and restart them.`,
  );
}
