import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { unknownKey } from "../core/keys/changes.ts";
import { liveDescendantsMessage } from "../core/keys/descendants.ts";
import type { KeyId } from "../core/keys/model.ts";
import { confirmUnlessPiped, describeImpact, isWatched, withYes, type YesOption } from "./confirm.ts";
import { type CliContext, note, paintStatus, print, WrongUsage } from "./context.ts";
import { parseKeyId } from "./key-id.ts";
import { revokeByStatementFile } from "./key-revocation.ts";
import { type KeyJson, listAll, type Operate } from "./operations.ts";
import { formatFields } from "./table.ts";
import { named, noteTarget, withOperations, withTargetFlags } from "./target.ts";
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
    withTargetFlags(new Command("show"))
      .argument("<key id>")
      .description("show a key, the key that it replaced and the keys that it rotated in")
      .option("--json", "print JSON")
      .action((id: string, options: Options) => showKey(context, parseKeyId(id), options)),
    deactivate
      .description("refuse the key's assertions and every token minted under it, immediately")
      .action((id: string, options: Options) => stopKey(context, parseKeyId(id), "deactivated", options)),
    withTargetFlags(new Command("activate"))
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

function stopCommand(verb: string): Command {
  return withTargetFlags(new Command(verb)).option("--json", "print JSON");
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
  noteTarget(context, options);
  const { key, changed, live, stopped } = await withOperations(context, options, async (operate) => {
    let stopped: string | undefined;
    const isFinal = status === "revoked";
    const found = isFinal || isWatched(context) ? await getKey(operate, id) : undefined;
    // One that is revoked already has nothing to ask about: the change says so.
    if (found !== undefined && found.status !== "revoked") {
      const impact = await describeImpact(operate, { key_id: id });
      const others = options.withDescendants === true ? " and every key that was rotated in by it" : "";
      if (isFinal)
        stopped = await confirmUnlessPiped(context, options, {
          what: `Key ${id} of ${found.username}${others} is revoked for good.`,
          impact,
        });
      else if (found.status === "active") note(context, impact);
    }
    return { ...(await stopWithDescendants(operate, id, status, options.withDescendants === true)), stopped };
  });
  if (stopped !== undefined) note(context, stopped);
  const ids = (keys: readonly KeyJson[]) => keys.map((each) => each.id);
  const json = { ...key, changed_descendants: ids(changed), live_descendants: ids(live) };
  print(context, options.json, json, () => [key, ...changed].map((each) => statusLine(context, each)).join("\n"));
  if (live.length > 0) {
    const verb = status === "revoked" ? "revoke" : "deactivate";
    note(
      context,
      `${liveDescendantsMessage(id, live)} To ${verb} them too: countersign key ${verb} ${id} --with-descendants`,
    );
  }
}

/** Stops a key, and tells what became of the keys that it rotated in, in the order of their ids. */
async function stopWithDescendants(
  operate: Operate,
  id: KeyId,
  status: "deactivated" | "revoked",
  withDescendants: boolean,
): Promise<{
  readonly key: KeyJson;
  readonly changed: readonly KeyJson[];
  readonly live: readonly KeyJson[];
}> {
  const before = withDescendants ? await listDescendants(operate, id) : [];
  const query = { with_descendants: withDescendants };
  const change = operate("changeKey", { params: { id }, query, body: { status } });
  const { data: key } = await named(change, unknownKey(id));
  const descendants = await listDescendants(operate, id);
  if (!withDescendants) return { key, changed: [], live: descendants.filter((each) => each.status === "active") };
  const unchanged = new Set(
    before.flatMap((each) => (each.status === "revoked" || each.status === status ? [each.id] : [])),
  );
  return { key, changed: descendants.filter((each) => each.status === status && !unchanged.has(each.id)), live: [] };
}

async function activateKey(context: CliContext, id: KeyId, options: Options): Promise<void> {
  noteTarget(context, options);
  const { data: key, warnings } = await withOperations(context, options, (operate) =>
    named(operate("changeKey", { params: { id }, body: { status: "active" } }), unknownKey(id)),
  );
  for (const { code, message } of warnings) if (code === "key_needs_kid") note(context, message);
  print(context, options.json, key, () => statusLine(context, key));
}

async function showKey(context: CliContext, id: KeyId, options: Options): Promise<void> {
  const { key, descendants } = await withOperations(context, options, async (operate) => ({
    key: await getKey(operate, id),
    descendants: await listDescendants(operate, id),
  }));
  const now = context.clock.wallMs();
  const ago = (time: string) => relativeTime(Date.parse(time), now);
  print(context, options.json, { ...key, descendants }, () =>
    formatFields([
      ["key", String(key.id)],
      ["username", key.username],
      ["label", key.label ?? "-"],
      ["status", paintStatus(context, key.status)],
      ["fingerprint", key.fingerprint],
      ["bits", String(key.bits)],
      ["created", ago(key.created_at)],
      ["expires", key.expires_at === null ? "never" : ago(key.expires_at)],
      ["last used", key.last_used_at === null ? "never" : ago(key.last_used_at)],
      ["possession", key.proved_at === null ? "not proved" : `proved ${ago(key.proved_at)}`],
      ["networks", key.networks.join(", ") || "any"],
      ["rotated from", key.rotated_from === null ? "-" : String(key.rotated_from)],
      ["rotated in", descendantsText(descendants)],
    ]),
  );
}

async function getKey(operate: Operate, id: KeyId): Promise<KeyJson> {
  return (await named(operate("getKey", { params: { id } }), unknownKey(id))).data;
}

/** In the order of their ids. */
async function listDescendants(operate: Operate, id: KeyId): Promise<readonly KeyJson[]> {
  return (await listAll(operate, "listKeyDescendants", { params: { id }, query: {} })).toReversed();
}

function descendantsText(descendants: readonly KeyJson[]): string {
  if (descendants.length === 0) return "-";
  const live = descendants.filter((each) => each.status === "active").length;
  return `${descendants.map(({ id }) => id).join(", ")} (${live} active)`;
}

function statusLine(context: CliContext, key: KeyJson): string {
  return `Key ${key.id} of ${key.username} is ${paintStatus(context, key.status)}.`;
}
