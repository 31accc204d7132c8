import { existsSync } from "node:fs";
import type { KeyObject } from "node:crypto";
import { ASSERTION_BYTES_MAX } from "@countersign/protocol";
import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { keyChallengeJson } from "../core/json/key-challenge.ts";
import { acceptWithoutProof, createKeyProofs } from "../core/key-statements/key-proofs.ts";
import { signKeyProof } from "../core/key-statements/sign-key-proof.ts";
import type { ParsedKey } from "../core/keys/admission.ts";
import type { KeyProof } from "../core/keys/possession.ts";
import { unknownUser } from "../core/users/changes.ts";
import { type CliAdministration, type CliContext, print } from "./context.ts";
import { readSmallFile } from "./read-file.ts";
import { withAdministration, withStoreFlags } from "./store-flags.ts";
import { formatFields } from "./table.ts";
import { relativeTime } from "./time.ts";

/** `key challenge`: a nonce for the proof that comes with a new key, and how to sign it. */
export function keyChallengeCommand(context: CliContext): Command {
  return withStoreFlags(new Command("challenge"))
    .argument("<username>")
    .description("get a nonce with which a new key's holder proves possession of the private key")
    .option("--json", "print JSON")
    .action(async (username: string, options: Flags & { readonly json?: boolean }) => {
      const challenge = await withAdministration(context, options, async (administration) => {
        if ((await administration.store.users.find(username)) === undefined) {
          throw unknownUser(username);
        }
        const proofs = await administration.openKeyProofs();
        return keyChallengeJson(proofs, proofs.makeChallenge(), username);
      });
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

/**
 * Checks the proof that came with a key, or its absence. Without a proof, the master secret isn't needed.
 *
 * @param source the proof itself, or the name of a file that holds it
 */
export async function checkProof(
  context: CliContext,
  flags: Flags,
  administration: Pick<CliAdministration, "openKeyProofs">,
  { source, ...key }: { readonly source: string | undefined; readonly key: ParsedKey; readonly username: string },
): Promise<KeyProof | undefined> {
  if (source === undefined) return acceptWithoutProof(context.config(flags).keyProof);
  const text = readProof(source);
  return (await administration.openKeyProofs()).verify({ ...key, text });
}

/** An argument that looks like a JWS is one, unless a file has that name. */
function readProof(source: string): string {
  const isText = /^\s*e[wy][A-Za-z0-9_-]*\./.test(source) && !existsSync(source);
  return (isText ? source : readSmallFile(source, ASSERTION_BYTES_MAX + 2).toString("latin1")).trim();
}

/**
 * Proves possession of a key that this process has just generated. Nobody else takes part, so the nonce is made under a secret of this
 * process, and the master secret isn't needed.
 */
export function proveGeneratedKey(
  { clock, random }: CliContext,
  privateKey: KeyObject,
  key: { readonly key: ParsedKey; readonly username: string },
): Promise<KeyProof> {
  const proofs = createKeyProofs({
    policy: "required",
    masterSecrets: [random.bytes(32)],
    publicUrls: ["countersign:key-generate"],
    clock,
    random,
  });
  const text = signKeyProof(proofs.signingInput(proofs.makeChallenge(), key.username), privateKey);
  return proofs.verify({ ...key, text });
}
