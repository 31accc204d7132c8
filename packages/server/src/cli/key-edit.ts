import type { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { unknownKey } from "../core/keys/changes.ts";
import { type CliContext, print, WrongUsage } from "./context.ts";
import { parseKeyId } from "./key-id.ts";
import { type NetworkOptions, networkTexts, withNetworkChange } from "./networks.ts";
import type { KeyJson } from "./operations.ts";
import { formatFields } from "./table.ts";
import { named, noteTarget, withOperations, withTargetFlags } from "./target.ts";
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
  withNetworkChange(withTargetFlags(key.command("edit")))
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
      const networks = networkTexts(options);
      if ([label, expiresInMs, networks].every((change) => change === undefined) && expiry !== false) {
        throw new WrongUsage("Name what to change: --label, --expires-in, --network or their opposites.");
      }
      noteTarget(context, options);
      const expiresAt =
        expiresInMs === undefined ? undefined : new Date(context.clock.wallMs() + expiresInMs).toISOString();
      const body = {
        label: label === false ? null : label,
        networks,
        expires_at: expiry === false ? null : expiresAt,
      };
      const { data: changed } = await withOperations(context, options, (operate) =>
        named(operate("changeKey", { params: { id }, body }), unknownKey(id)),
      );
      const nowMs = context.clock.wallMs();
      print(context, json, changed, () => formatKey(changed, nowMs));
    });
}

function formatKey(key: KeyJson, nowMs: number): string {
  return formatFields([
    ["key", String(key.id)],
    ["username", key.username],
    ["label", key.label ?? "-"],
    ["expires", key.expires_at === null ? "never" : relativeTime(Date.parse(key.expires_at), nowMs)],
    ["networks", key.networks.join(", ") || "any"],
  ]);
}
