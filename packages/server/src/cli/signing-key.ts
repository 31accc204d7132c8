import { setTimeout } from "node:timers/promises";
import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { OperatorError } from "../core/operator-error.ts";
import { activateSigningKey, unknownSigningKey } from "../core/signing-keys/changes.ts";
import { nodeName } from "../core/signing-keys/store.ts";
import { type CliContext, note, paint, print, WrongUsage } from "./context.ts";
import { confirmUnlessPiped, describeImpact, withYes, type YesOption } from "./confirm.ts";
import type { Operate, SigningKeyJson } from "./operations.ts";
import { formatTable } from "./table.ts";
import { named, noteTarget, type OpenedTarget, withOperations, withTarget, withTargetFlags } from "./target.ts";
import { relativeTime } from "./time.ts";

type Options = Flags & { readonly json?: boolean };

/** `rotate` waits for every node to be ready: it looks this often, in milliseconds, and for at most 30 s. */
const POLL_MS = 100;
const POLLS_MAX = 300;

/** How often it asks a server, which does the activation itself every few seconds. */
const REMOTE_POLL_MS = 1000;

export function signingKeyCommand(context: CliContext): Command {
  const command = new Command("signing-key");

  withTargetFlags(command.command("list"))
    .description("list signing keys")
    .option("--json", "print JSON")
    .action(async (options: Options) => {
      const keys = await withOperations(context, options, listSigningKeys);
      print(context, options.json, keys.map(shownSigningKey), () => {
        if (keys.length === 0) return "No signing keys yet; countersign serve makes one when it first starts.";
        const rows = keys.map((key) => [
          String(key.number),
          key.signs ? paint(context, "green", "active, signs new tokens") : key.status,
          key.master_fingerprint,
          relativeTime(Date.parse(key.created_at), context.clock.wallMs()),
        ]);
        return formatTable(["number", "status", "master secret", "created"], rows);
      });
    });

  withTargetFlags(command.command("rotate"))
    .description("make a new signing key; it signs new tokens once every live node can check them")
    .option("--json", "print JSON")
    .action(async (options: Options) => {
      noteTarget(context, options);
      const made = await withTarget(context, options, (target) => rotate(context, target));
      print(context, options.json, shownSigningKey(made), () => `Signing key ${made.number} signs new tokens.`);
    });

  withYes(withTargetFlags(command.command("retire")))
    .argument("<number>")
    .description("retire a signing key: end all its tokens immediately and permanently")
    .option("--json", "print JSON")
    .action(async (text: string, options: Options & YesOption) => {
      if (!/^[1-9][0-9]{0,9}$/.test(text)) throw new WrongUsage("Give a signing key's number, such as 1.");
      const number = Number(text);
      noteTarget(context, options);
      let stopped: string | undefined;
      const retired = await withOperations(context, options, async (operate) => {
        const keys = await listSigningKeys(operate);
        const key = keys.find((each) => each.number === number);
        // There is nothing to ask about one that doesn't exist, is retired already or is the only one: the change says so.
        if (key !== undefined && key.status !== "retired" && !isOnlySigner(keys, number)) {
          const impact = await describeImpact(operate, {});
          const what = `Signing key ${number} is retired, and every token that it signed ends. Of all signing keys together:`;
          stopped = await confirmUnlessPiped(context, options, { what, impact });
        }
        const change = operate("retireSigningKey", { params: { number }, body: { status: "retired" } });
        return (await named(change, unknownSigningKey(number))).data;
      });
      if (stopped !== undefined) note(context, stopped);
      print(
        context,
        options.json,
        shownSigningKey(retired),
        () => `Signing key ${retired.number} is ${paint(context, "red", "retired")}; all its tokens are inactive.`,
      );
    });
  return command;
}

async function listSigningKeys(operate: Operate): Promise<readonly SigningKeyJson[]> {
  return (await operate("listSigningKeys", { query: {} })).data;
}

/** What commands show of a signing key; the admin API adds whether it signs. */
function shownSigningKey(key: SigningKeyJson): Omit<SigningKeyJson, "signs"> {
  const { number, status, master_fingerprint, created_at, activated_at, retired_at } = key;
  return { number, status, master_fingerprint, created_at, activated_at, retired_at };
}

/** Makes the next signing key and waits until it signs. A server's nodes activate it; on a store this command does, too. */
async function rotate(context: CliContext, { operate, commit }: OpenedTarget): Promise<SigningKeyJson> {
  const { number } = (await operate("rotateSigningKey", {})).data;
  let announced = "";
  const isLocal = commit !== undefined;
  const polls = isLocal ? POLLS_MAX : (POLLS_MAX * POLL_MS) / REMOTE_POLL_MS;
  for (let poll = 0; ; poll++) {
    await commit?.(activateSigningKey);
    const key = (await listSigningKeys(operate)).find((each) => each.number === number);
    if (key === undefined) throw new OperatorError("The new signing key has disappeared from the store.");
    // It no longer waits once a node has activated it.
    if (key.status !== "waiting") return key;
    const nodes = (await operate("listNodes", { query: {} })).data;
    const waitingFor = nodes.filter(({ signing_keys: able }) => !able.includes(number));
    const names = waitingFor.map(({ id, host_name: hostName }) => nodeName({ id, hostName })).join(", ");
    // Nodes report every few seconds; a note for each change is enough.
    if (names !== "" && names !== announced) {
      note(context, `Waiting until these nodes can check the new key's tokens: ${names}.`);
      announced = names;
    }
    if (poll >= polls) throw stillWaiting(key, names);
    await setTimeout(isLocal ? POLL_MS : REMOTE_POLL_MS);
  }
}

/** Would no active key remain without this one? */
function isOnlySigner(keys: readonly SigningKeyJson[], number: number): boolean {
  return keys.filter(({ status }) => status === "active").every((key) => key.number === number);
}

function stillWaiting({ number, master_fingerprint: fingerprint }: SigningKeyJson, names: string): OperatorError {
  if (names === "") {
    return new OperatorError(
      `Signing key ${number} is still waiting, though every live node can check its tokens; a node activates it within seconds. countersign signing-key list says when it signs.`,
    );
  }
  return new OperatorError(
    `Signing key ${number} is waiting: it signs nothing until these nodes can check its tokens: ${names}. ` +
      `They lack the master secret with fingerprint ${fingerprint}: configure it there, followed by a comma and the old one, and restart them.`,
  );
}
