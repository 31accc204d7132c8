import { setTimeout } from "node:timers/promises";
import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { nowMs } from "../core/surroundings.ts";
import { type CliContext, CommandFailed, paint, print, WrongUsage } from "./context.ts";
import { shownSigningKeyStatus, signingKeyJson } from "./present.ts";
import { withAdministration, withStoreFlags } from "./store-flags.ts";
import { formatTable } from "./table.ts";
import { relativeTime } from "./time.ts";

type Options = Flags & { readonly json?: boolean };

/** How often rotate looks whether every node is ready, in milliseconds, and how often it does so at most: 30 s. */
const LOOK_MS = 100;
const LOOKS_MAX = 300;

export function signingKeyCommand(context: CliContext): Command {
  const command = new Command("signing-key").description("signing keys: under which tokens are minted");

  withStoreFlags(command.command("list"))
    .description("list signing keys")
    .option("--json", "print JSON")
    .action(async (options: Options) => {
      const keys = await withAdministration(context, options, ({ store }) => store.listSigningKeys());
      print(context, options.json, keys.map(signingKeyJson), () => {
        if (keys.length === 0) return "No signing keys yet: the first start of countersign serve makes one.";
        const rows = keys.map((key) => [
          String(key.number),
          shownSigningKeyStatus(key),
          key.masterFingerprint,
          relativeTime(key.createdAtMs, nowMs(context.clock)),
        ]);
        return formatTable(["number", "status", "master secret", "created"], rows);
      });
    });

  withStoreFlags(command.command("rotate"))
    .description("make the next signing key; it signs once every live node can check its tokens")
    .option("--json", "print JSON")
    .action(async (options: Options) => {
      const key = await withAdministration(context, options, async ({ signingKeys, newestMasterSecret }) => {
        const { number } = await signingKeys.rotate(context.actor, await newestMasterSecret());
        for (let look = 0; look < LOOKS_MAX; look++) {
          const { key: waiting, waitingFor } = await signingKeys.activate(context.actor);
          // A node may have been quicker.
          if (waiting === undefined || waitingFor.length === 0) break;
          await setTimeout(LOOK_MS);
        }
        return { number };
      });
      const [made, waitingFor] = await withAdministration(context, options, async ({ store, signingKeys }) => {
        const keys = await store.listSigningKeys();
        const now = keys.find(({ number }) => number === key.number);
        return [
          now,
          now?.activatedAtMs === null ? (await signingKeys.activate(context.actor)).waitingFor : [],
        ] as const;
      });
      if (made === undefined) throw new CommandFailed(`Signing key ${key.number} is gone.`);
      if (waitingFor.length > 0) {
        const nodes = waitingFor.map(({ id }) => id).join(", ");
        throw new CommandFailed(
          `Signing key ${made.number} waits: it signs nothing until these nodes can check its tokens: ${nodes}. They lack the master secret with fingerprint ${made.masterFingerprint}; give it to them, before the old one and a comma, and restart them.`,
        );
      }
      print(context, options.json, signingKeyJson(made), () => `Signing key ${made.number} signs new tokens.`);
    });

  withStoreFlags(command.command("retire"))
    .argument("<number>")
    .description("end every token of that signing key, at once and for good")
    .option("--json", "print JSON")
    .action(async (text: string, options: Options) => {
      if (!/^[1-9][0-9]{0,9}$/.test(text)) throw new WrongUsage("A signing key's number is needed, such as 1.");
      const retired = await withAdministration(context, options, ({ signingKeys }) =>
        signingKeys.retire(context.actor, Number(text)),
      );
      print(
        context,
        options.json,
        signingKeyJson(retired),
        () => `Signing key ${retired.number} is ${paint(context, "red", "retired")}; its tokens are dead.`,
      );
    });
  return command;
}
