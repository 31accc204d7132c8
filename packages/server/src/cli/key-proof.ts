import { existsSync } from "node:fs";
import type { KeyObject } from "node:crypto";
import { ASSERTION_BYTES_MAX } from "@countersign/protocol";
import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import type { keyChallengeJson } from "../core/json/key-challenge.ts";
import { issuedAtMs } from "../core/key-statements/key-challenges.ts";
import { keyProofSigningInput, signKeyProof } from "../core/key-statements/sign-key-proof.ts";
import { unknownUser } from "../core/users/changes.ts";
import { type CliContext, print } from "./context.ts";
import { readSmallFile } from "./read-file.ts";
import { formatFields } from "./table.ts";
import type { Operate } from "./operations.ts";
import { named, withOperations, withTargetFlags } from "./target.ts";
import { relativeTime } from "./time.ts";

/** `key challenge`: a nonce for the proof that comes with a new key, and how to sign it. */
export function keyChallengeCommand(context: CliContext): Command {
  return withTargetFlags(new Command("challenge"))
    .argument("<username>")
    .description("get a nonce with which a new key's holder proves possession of the private key")
    .option("--json", "print JSON")
    .action(async (username: string, options: Flags & { readonly json?: boolean }) => {
      const { data: challenge } = await withOperations(context, options, (operate) =>
        named(operate("createKeyChallenge", { params: { username } }), unknownUser(username)),
      );
      print(context, options.json, challenge, () => instructions(challenge, context.clock.wallMs()));
    });
}

function instructions(challenge: ReturnType<typeof keyChallengeJson>, nowMs: number): string {
  const { nonce, expires_at: expiresAt, username, audience, signing_input: input } = challenge;
  return `${formatFields([
    ["nonce", nonce],
    ["expires", relativeTime(Date.parse(expiresAt), nowMs)],
    ["username", username],
    ["audience", audience],
  ])}

Sign it where the private key is:

  input=${input}
  signature=$(printf %s "$input" | openssl dgst -sha256 -sign private.pem | openssl base64 -A | tr +/ -_ | tr -d =)
  echo "$input.$signature" > proof.jwt

Then add the public key with the proof:

  countersign key add ${username} public.pem --proof proof.jwt`;
}

/** The proof that a new key comes with: the proof itself, unless a file has that name, or the name of a file that holds it. */
export function readProof(source: string): string {
  const isText = /^\s*e[wy][A-Za-z0-9_-]*\./.test(source) && !existsSync(source);
  return (isText ? source : readSmallFile(source, ASSERTION_BYTES_MAX + 2).toString("latin1")).trim();
}

/**
 * Proves possession of a key that this process has just generated. The text to sign is made here from the nonce: a server can't have the
 * new key sign anything else.
 */
export async function proveGeneratedKey(operate: Operate, privateKey: KeyObject, username: string): Promise<string> {
  const challenge = operate("createKeyChallenge", { params: { username }, isForThisProcess: true });
  const { nonce, audience, expires_at: expiresAt } = (await named(challenge, unknownUser(username))).data;
  const input = keyProofSigningInput({ nonce, issuedAtMs: issuedAtMs(Date.parse(expiresAt)) }, username, audience);
  return signKeyProof(input, privateKey);
}
