import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { keysNeedingKid, needsKidMessage } from "../core/assertion/keys-needing-kid.ts";
import { keyJson, shownKeyStatus } from "../core/json/registry.ts";
import { changeKeyAndDescendants, liveDescendantsMessage, liveKeys } from "../core/keys/descendants.ts";
import type { KeyId, PublicKey } from "../core/keys/model.ts";
import { OperatorError } from "../core/operator-error.ts";
import type { Store } from "../core/store/store.ts";
import { confirmUnlessPiped, describeImpact, isWatched, withYes, type YesOption } from "./confirm.ts";
import { type CliContext, note, paintStatus, print, WrongUsage } from "./context.ts";
import { parseKeyId } from "./key-id.ts";
import { revokeByStatementFile } from "./key-revocation.ts";
import { commitAs, withAdministration, withStoreFlags } from "./store-flags.ts";
import { formatFields } from "./table.ts";
import { relativeTime } from "./time.ts";

interface Options extends Flags, YesOption {
  readonly json?: boolean;
  readonly withDescendants?: boolean;
  readonly statement?: string;
}

/** `countersign key show|deactivate|activate|revoke`. */
export function keyStatusCommands(context: CliContext): readonly Command[] {
  const deactivate = withDescendants(stopCommand("deactivate")).argument("<key id>");
  const revoke = withYes(withDescendants(stopCommand("revoke")))
    .argument("[key id]")
    .option("--statement <file>", "revoke the key that signed this revocation statement; - reads standard input");
  return [
    withStoreFlags(new Command("show"))
      .argument("<key id>")
      .description("show a key, the key that it replaced and the keys that it rotated in")
      .option("--json", "print JSON")
      .action((id: string, options: Options) => showKey(context, parseKeyId(id), options)),
    deactivate
      .description("refuse the key's assertions and every token minted under it, immediately")
      .action((id: string, options: Options) => stopKey(context, parseKeyId(id), "deactivated", options)),
    withStoreFlags(new Command("activate"))
      .argument("<key id>")
      .description("undo deactivate; unexpired tokens work again")
      .option("--json", "print JSON")
      .action((id: string, options: Options) => activateKey(context, parseKeyId(id), options)),
    revoke.description("deactivate permanently").action((id: string | undefined, options: Options) => {
      const { statement } = options;
      if (statement === undefined) return stopKey(context, parseKeyId(id ?? ""), "revoked", options);
      if (id === undefined && options.withDescendants !== true)
        return revokeByStatementFile(context, options, statement);
      throw new WrongUsage("--statement names the key itself: give neither a key id nor --with-descendants.");
    }),
  ];
}

/** Notes on standard error which keys a client can use only with a `kid`. */
export async function noteKeysNeedingKid(
  context: CliContext,
  store: Pick<Store, "keys">,
  key: PublicKey,
): Promise<void> {
  const needing = keysNeedingKid(key, await store.keys.list(key.userId), context.clock.wallMs());
  if (needing.length > 0) note(context, needsKidMessage(needing));
}

function stopCommand(verb: string): Command {
  return withStoreFlags(new Command(verb)).option("--json", "print JSON");
}

function withDescendants(command: Command): Command {
  return command.option(
    "--with-descendants",
    "do the same to every key that was rotated in by it, directly or by others",
  );
}

async function stopKey(
  context: CliContext,
  id: KeyId,
  status: "deactivated" | "revoked",
  options: Options,
): Promise<void> {
  const { key, changed, live, stopped } = await withAdministration(context, options, async (administration) => {
    const { store } = administration;
    let stopped: string | undefined;
    const isFinal = status === "revoked";
    // A key that doesn't exist or is revoked already has nothing to ask about: the change says so.
    const found = isFinal || isWatched(context) ? await store.keys.find(id) : undefined;
    if (found !== undefined && found.status !== "revoked") {
      const impact = await describeImpact(store, { keyId: id }, context.clock.wallMs());
      const others = options.withDescendants === true ? " and every key that was rotated in by it" : "";
      if (isFinal)
        stopped = await confirmUnlessPiped(context, options, {
          what: `Key ${id} of ${found.username}${others} is revoked for good.`,
          impact,
        });
      else if (found.status === "active") note(context, impact);
    }
    const result = await commitAs(context, administration, (tx) =>
      changeKeyAndDescendants(tx, id, { status }, options.withDescendants === true),
    );
    return { ...result, stopped };
  });
  if (stopped !== undefined) note(context, stopped);
  const now = context.clock.wallMs();
  const ids = (keys: readonly PublicKey[]) => keys.map((each) => each.id);
  const json = { ...keyJson(key, now), changed_descendants: ids(changed), live_descendants: ids(live) };
  print(context, options.json, json, () => [key, ...changed].map((each) => statusLine(context, each, now)).join("\n"));
  if (live.length > 0) {
    const verb = status === "revoked" ? "revoke" : "deactivate";
    note(
      context,
      `${liveDescendantsMessage(id, live)} To ${verb} them too: countersign key ${verb} ${id} --with-descendants`,
    );
  }
}

async function activateKey(context: CliContext, id: KeyId, options: Options): Promise<void> {
  const key = await withAdministration(context, options, async (administration) => {
    const set = await commitAs(context, administration, (tx) =>
      changeKeyAndDescendants(tx, id, { status: "active" }, false),
    );
    await noteKeysNeedingKid(context, administration.store, set.key);
    return set.key;
  });
  const now = context.clock.wallMs();
  print(context, options.json, keyJson(key, now), () => statusLine(context, key, now));
}

async function showKey(context: CliContext, id: KeyId, options: Options): Promise<void> {
  const { key, descendants } = await withAdministration(context, options, async ({ store }) => {
    const found = await store.keys.find(id);
    if (found === undefined) throw new OperatorError(`There is no key ${id}.`);
    return { key: found, descendants: await store.keys.listDescendants(id) };
  });
  const now = context.clock.wallMs();
  const shown = (each: PublicKey) => keyJson(each, now);
  print(context, options.json, { ...shown(key), descendants: descendants.map(shown) }, () =>
    formatFields([
      ["key", String(key.id)],
      ["username", key.username],
      ["label", key.label ?? "-"],
      ["status", paintStatus(context, shownKeyStatus(key, now))],
      ["fingerprint", key.fingerprint],
      ["bits", String(key.bits)],
      ["created", relativeTime(key.createdAtMs, now)],
      ["expires", key.expiresAtMs === null ? "never" : relativeTime(key.expiresAtMs, now)],
      ["last used", key.lastUsedAtMs === null ? "never" : relativeTime(key.lastUsedAtMs, now)],
      ["possession", key.provedAtMs === null ? "not proved" : `proved ${relativeTime(key.provedAtMs, now)}`],
      ["networks", key.networks.join(", ") || "any"],
      ["rotated from", key.rotatedFrom === null ? "-" : String(key.rotatedFrom)],
      ["rotated in", descendantsText(descendants, now)],
    ]),
  );
}

function descendantsText(descendants: readonly PublicKey[], now: number): string {
  if (descendants.length === 0) return "-";
  const live = liveKeys(descendants, now).length;
  return `${descendants.map(({ id }) => id).join(", ")} (${live} active)`;
}

function statusLine(context: CliContext, key: PublicKey, now: number): string {
  return `Key ${key.id} of ${key.username} is ${paintStatus(context, shownKeyStatus(key, now))}.`;
}
