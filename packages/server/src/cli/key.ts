import { createPublicKey, generateKeyPair } from "node:crypto";
import { existsSync, rmSync } from "node:fs";
import { promisify } from "node:util";
import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { KEY_TEXT_CHARACTERS_MAX, keyTextOfBytes } from "@countersign/protocol";
import { KEY_BITS_MAX, KEY_BITS_MIN, parsePublicKey } from "../core/keys/admission.ts";
import { keyChallengeCommand, proveGeneratedKey, readProof } from "./key-proof.ts";
import { type CliContext, note, print, readStdinBytes, WrongUsage } from "./context.ts";
import { addKeyAudit } from "./key-audit.ts";
import { addKeyEdit } from "./key-edit.ts";
import { keyTable } from "./key-table.ts";
import { type ListOptions, noteMore, partOf, readChoice, withListOptions } from "./list-options.ts";
import { type NetworkOptions, networkTexts, withNetworks } from "./networks.ts";
import { type KeyJson, listPart, type Operate } from "./operations.ts";
import { readSmallFile } from "./read-file.ts";
import { formatFields } from "./table.ts";
import { named, noteTarget, withOperations, withTargetFlags } from "./target.ts";
import { parseDuration, relativeTime } from "./time.ts";
import { unknownUser } from "../core/users/changes.ts";
import { revocationCommand } from "./key-revocation.ts";
import { keyStatusCommands } from "./key-status.ts";
import { writeNewFile } from "./write-file.ts";

type Options = Flags & { readonly json?: boolean };
type NewKeyOptions = Options & NetworkOptions & { readonly label?: string; readonly expiresIn?: string };

export function keyCommand(context: CliContext): Command {
  const key = new Command("key");

  withNewKeyOptions(withTargetFlags(key.command("add")))
    .argument("<username>")
    .argument("<file or ->", "PEM, certificate, JWK, DER or OpenSSH line; - reads standard input")
    .description("add an RSA public key")
    .option("--proof <JWS or file>", "proof of possession, by the new key; key challenge says how to make one")
    .action(async (username: string, source: string, options: NewKeyOptions & { readonly proof?: string }) => {
      const text = await readKeyText(context, source);
      const { proof } = options;
      const added = await addKey(context, options, username, text, () =>
        Promise.resolve(proof === undefined ? undefined : readProof(proof)),
      );
      printKey(context, options, added);
    });

  withNewKeyOptions(withTargetFlags(key.command("generate")))
    .argument("<username>")
    .requiredOption("--out <file>", "where to write the private key, as PKCS#8 PEM; never overwritten")
    .option("--bits <number>", `${KEY_BITS_MIN} to ${KEY_BITS_MAX}`, "2048")
    .description("generate a key pair, write the private key to a file and add the public key")
    .action(async (username: string, options: NewKeyOptions & { out: string; bits: string }) => {
      const bits = /^[0-9]{4}$/.test(options.bits) ? Number(options.bits) : 0;
      if (bits < KEY_BITS_MIN || bits > KEY_BITS_MAX) {
        throw new WrongUsage(`--bits takes a whole number from ${KEY_BITS_MIN} to ${KEY_BITS_MAX}.`);
      }
      expiryOf(options);
      const { publicKey, privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: bits });
      writeNewFile(options.out, privateKey.export({ format: "pem", type: "pkcs8" }));
      const pem = publicKey.export({ format: "pem", type: "spki" });
      const prove = (operate: Operate) => proveGeneratedKey(operate, privateKey, username);
      const added = await addKey(context, options, username, pem, prove).catch((error: unknown) => {
        // The file was created just now, and a private key whose public half wasn't added is of no use.
        rmSync(options.out, { force: true });
        throw error;
      });
      printKey(context, options, added);
    });

  key.addCommand(keyChallengeCommand(context));

  withListOptions(withTargetFlags(key.command("list")))
    .argument("[username]", "default: all API users")
    .description("list public keys of an API user or of all")
    .option("--account <shortname>", "only those of this account")
    .option("--status <status>", "active, deactivated or revoked")
    .option("--weak", "only keys that the last audit found weak")
    .option("--unused <duration>", "only active keys that weren't used for this long, such as 90d")
    .option("--expiring <duration>", "only active keys that expire within this time, such as 30d")
    .option("--json", "print JSON")
    .action((username: string | undefined, options: KeyFilters) => listKeys(context, username, options));

  for (const command of keyStatusCommands(context)) key.addCommand(command);
  key.addCommand(revocationCommand(context));
  addKeyEdit(context, key);
  addKeyAudit(context, key);
  return key;
}

function withNewKeyOptions(command: Command): Command {
  return withNetworks(command)
    .option("--label <text>", "what the key is for")
    .option("--expires-in <duration>", "such as 90d, 12h or 30m (default: the maximum age, or never)")
    .option("--json", "print JSON");
}

interface KeyFilters extends Options, ListOptions {
  readonly account?: string;
  readonly status?: string;
  readonly weak?: boolean;
  readonly unused?: string;
  readonly expiring?: string;
}

const STATUSES = { active: "active", deactivated: "deactivated", revoked: "revoked" } as const;

async function listKeys(context: CliContext, username: string | undefined, options: KeyFilters): Promise<void> {
  const now = context.clock.wallMs();
  for (const duration of [options.unused, options.expiring]) if (duration !== undefined) parseDuration(duration);
  const { account, unused, expiring } = options;
  const status = readChoice("--status", options.status, STATUSES);
  const weak = options.weak === true ? ("true" as const) : undefined;
  const part = partOf(options);
  const { items: listed, cursor } = await withOperations(context, options, (operate) => {
    const list = listPart(
      operate,
      "listAllKeys",
      { query: { username, account, status, weak, unused, expiring } },
      part,
    );
    return username === undefined ? list : named(list, unknownUser(username));
  });
  // By age the oldest comes first; otherwise the most urgent.
  const keys = unused === undefined && expiring === undefined ? listed.toReversed() : listed;
  print(context, options.json, keys, () => {
    if (keys.length > 0) return keyTable(context, keys, now, username === undefined);
    if ([account, status, weak, unused, expiring].some((value) => value !== undefined)) return "No such keys.";
    return username === undefined
      ? "No keys yet; add one with: countersign key add <username> <file>"
      : `${username} has no keys yet; add one with: countersign key add`;
  });
  noteMore(context, cursor);
}

/**
 * Adds a key. It is parsed here, and only the public key itself is sent on: whatever else a file holds, such as a private key, stays on
 * this machine.
 *
 * @param prove makes or reads the proof of possession
 */
function addKey(
  context: CliContext,
  options: NewKeyOptions,
  username: string,
  text: string,
  prove: (operate: Operate) => Promise<string | undefined>,
): Promise<KeyJson> {
  const expiresInSeconds = expiryOf(options);
  const networks = networkTexts(options);
  const { spki } = parsePublicKey(text);
  noteTarget(context, options);
  return withOperations(context, options, async (operate) => {
    const proof = await prove(operate);
    const body = {
      public_key: pemOf(spki),
      label: options.label,
      expires_in_seconds: expiresInSeconds,
      networks,
      proof,
    };
    const { data: key, warnings } = await named(
      operate("addKey", { params: { username }, body }),
      unknownUser(username),
    );
    for (const { code, message } of warnings) if (code === "key_needs_kid") note(context, message);
    return key;
  });
}

function expiryOf({ expiresIn }: NewKeyOptions): number | undefined {
  return expiresIn === undefined ? undefined : parseDuration(expiresIn) / 1000;
}

function pemOf(spki: Buffer): string {
  return createPublicKey({ key: spki, format: "der", type: "spki" }).export({ format: "pem", type: "spki" });
}

/**
 * Reads the key's text. The argument is a file name, `-` for standard input, or the text itself. Text that can't be a file name is
 * read as a key, so that a key given by mistake isn't repeated in a message.
 */
async function readKeyText(context: CliContext, source: string): Promise<string> {
  if (source === "-") return keyTextOfBytes(await readStdinBytes(context, KEY_TEXT_CHARACTERS_MAX));
  const isText =
    /^\s*["'`]?\s*(-+ ?BEGIN|[{[<]|ssh-|ecdsa-|PuTTY)/.test(source) || (source.length > 200 && !existsSync(source));
  return isText ? source : keyTextOfBytes(readSmallFile(source, KEY_TEXT_CHARACTERS_MAX));
}

function printKey(context: CliContext, { json }: Options, key: KeyJson): void {
  print(context, json, key, () =>
    formatFields([
      ["key", String(key.id)],
      ["username", key.username],
      ["fingerprint", key.fingerprint],
      ["bits", String(key.bits)],
      ["expires", timeOrNever(key.expires_at, context.clock.wallMs())],
      ["possession", key.proved_at === null ? "not proved" : "proved"],
      ...(key.networks.length > 0 ? [["networks", key.networks.join(", ")] as const] : []),
    ]),
  );
}

function timeOrNever(time: string | null, now: number): string {
  return time === null ? "never" : relativeTime(Date.parse(time), now);
}
