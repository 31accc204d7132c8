import { setTimeout } from "node:timers/promises";
import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { type LiveNode, nodeName } from "../core/signing-keys/store.ts";
import { activateSigningKey, retireSigningKey, rotateSigningKey, signingNumber } from "../core/signing-keys/changes.ts";
import type { SigningKeyRecord } from "../core/signing-keys/signing-keys.ts";
import { type CliContext, note, paint, print, WrongUsage } from "./context.ts";
import { confirmUnlessPiped, describeImpact, withYes, type YesOption } from "./confirm.ts";
import { shownSigningKeyStatus, signingKeyJson } from "../core/json/registry.ts";
import { commitAs, withAdministration, withStoreFlags } from "./store-flags.ts";
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
        const signing = signingNumber(keys);
        const rows = keys.map((key) => [
          String(key.number),
          key.number === signing ? paint(context, "green", "active, signs new tokens") : shownSigningKeyStatus(key),
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
        let announced = "";
        for (let poll = 0; ; poll++) {
          const { key, waitingFor } = await commitAs(context, administration, activateSigningKey);
          const names = waitingFor.map(nodeName).join(", ");
          // Nodes report every few seconds; a note for each change is enough.
          if (key !== undefined && names !== "" && names !== announced) {
            note(context, `Waiting until these nodes can check the new key's tokens: ${names}.`);
            announced = names;
          }
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

  withYes(withStoreFlags(command.command("retire")))
    .argument("<number>")
    .description("retire a signing key: end all its tokens immediately and permanently")
    .option("--json", "print JSON")
    .action(async (text: string, options: Options & YesOption) => {
      if (!/^[1-9][0-9]{0,9}$/.test(text)) throw new WrongUsage("Give a signing key's number, such as 1.");
      const number = Number(text);
      let stopped: string | undefined;
      const retired = await withAdministration(context, options, async (administration) => {
        const impact = await describeImpact(await administration.openOperations(context.actor), {});
        const keys = await administration.store.signingKeys.list();
        const key = keys.find((each) => each.number === number);
        // There is nothing to ask about one that doesn't exist, is retired already or is the only one: the change says so.
        if (key !== undefined && key.retiredAtMs === null && !isOnlySigner(keys, number)) {
          const what = `Signing key ${number} is retired, and every token that it signed ends. Of all signing keys together:`;
          stopped = await confirmUnlessPiped(context, options, { what, impact });
        }
        return commitAs(context, administration, (tx) => retireSigningKey(tx, number));
      });
      if (stopped !== undefined) note(context, stopped);
      print(
        context,
        options.json,
        signingKeyJson(retired),
        () => `Signing key ${retired.number} is ${paint(context, "red", "retired")}; all its tokens are inactive.`,
      );
    });
  return command;
}

/** Would no active key remain without this one? */
function isOnlySigner(keys: readonly SigningKeyRecord[], number: number): boolean {
  const active = keys.filter(({ activatedAtMs, retiredAtMs }) => activatedAtMs !== null && retiredAtMs === null);
  return active.every((key) => key.number === number);
}

function stillWaiting({ number, masterFingerprint }: SigningKeyRecord, nodes: readonly LiveNode[]): OperatorError {
  return new OperatorError(
    `Signing key ${number} is waiting: it signs nothing until these nodes can check its tokens: ${nodes.map(nodeName).join(", ")}. ` +
      `They lack the master secret with fingerprint ${masterFingerprint}: configure it there, followed by a comma and the old one, and restart them.`,
  );
}
