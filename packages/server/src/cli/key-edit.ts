import type { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { keyJson } from "../core/json/registry.ts";
import { changeKey } from "../core/keys/changes.ts";
import type { PublicKey } from "../core/keys/model.ts";
import { type CliContext, print, WrongUsage } from "./context.ts";
import { parseKeyId } from "./key-id.ts";
import { type NetworkOptions, readNetworks, withNetworkChange } from "./networks.ts";
import { commitAs, withAdministration, withStoreFlags } from "./store-flags.ts";
import { formatFields } from "./table.ts";
import { parseDuration, relativeTime } from "./time.ts";

interface EditOptions {
  readonly json?: boolean;
  /** `false` with `--no-label`. */
  readonly label?: string | false;
  readonly expiresIn?: string;
  /** `false` with `--no-expiry`. */
  readonly expiry?: boolean;
}

/** Adds `edit` to the command for keys. */
export function addKeyEdit(context: CliContext, key: Command): void {
  withNetworkChange(withStoreFlags(key.command("edit")))
    .argument("<key id>")
    .description("change a key's label, expiry or networks; what isn't named stays")
    .option("--label <text>", "what the key is for")
    .option("--no-label", "remove the label")
    .option("--expires-in <duration>", "such as 90d, 12h or 30m, from now on")
    .option("--no-expiry", "the key doesn't expire")
    .option("--json", "print JSON")
    .action(async (idText: string, options: Flags & EditOptions & NetworkOptions) => {
      const id = parseKeyId(idText);
      const { json, label, expiresIn, expiry } = options;
      if (expiresIn !== undefined && expiry === false) throw new WrongUsage("Give either --expires-in or --no-expiry.");
      const expiresInMs = expiresIn === undefined ? undefined : parseDuration(expiresIn);
      const changed = await withAdministration(context, options, async (administration) => {
        const networks = readNetworks(context, options, (await administration.store.keys.find(id))?.networks);
        if ([label, expiresInMs, networks].every((change) => change === undefined) && expiry !== false) {
          throw new WrongUsage("Name what to change: --label, --expires-in, --network or their opposites.");
        }
        return commitAs(context, administration, (tx) => {
          const expiresAtMs = expiry === false ? null : expiresInMs && tx.nowMs + expiresInMs;
          return changeKey(tx, id, { label: label === false ? null : label, networks, expiresAtMs });
        });
      });
      const nowMs = context.clock.wallMs();
      print(context, json, keyJson(changed, nowMs), () => formatKey(changed, nowMs));
    });
}

function formatKey(key: PublicKey, nowMs: number): string {
  return formatFields([
    ["key", String(key.id)],
    ["username", key.username],
    ["label", key.label ?? "-"],
    ["expires", key.expiresAtMs === null ? "never" : relativeTime(key.expiresAtMs, nowMs)],
    ["networks", key.networks.join(", ") || "any"],
  ]);
}
