import { KEY_TEXT_CHARACTERS_MAX } from "@countersign/protocol";
import { Command } from "commander";
import { exchangeOverHttp, signAssertion } from "./client.ts";
import { publicListenerUrl } from "../config/listener-urls.ts";
import { type CliContext, print, readStdinBytes, WrongUsage } from "./context.ts";
import { inertMessage } from "./inert-text.ts";
import { privateKeyOf, readPrivateKey } from "./read-private-key.ts";
import { OperatorError } from "../core/operator-error.ts";
import { Refusal } from "../core/refusal.ts";

interface Options {
  readonly username?: string;
  readonly key?: string;
  readonly ttl?: string;
  readonly url?: string;
  readonly json?: boolean;
}

export function tokenCommand(context: CliContext): Command {
  return new Command("token")
    .argument("[username]", "the API user")
    .argument("[key file]", "its private key: PEM, DER or JWK; - reads standard input")
    .option("--username <name>", "the same as the first argument")
    .option("--key <file>", "the same as the second argument")
    .option("--ttl <seconds>", "lifetime of the token")
    .option("--url <base>", "URL of the service (default: the configured public URL)")
    .option("--json", "print JSON")
    .action(async (first: string | undefined, second: string | undefined, options: Options) => {
      const { ttl, url, json } = options;
      const words = [first, second].filter((word) => word !== undefined);
      const username = options.username ?? words.shift();
      const key = options.key ?? words.shift();
      if (words.length > 0) throw new WrongUsage("The username or the key file is given twice.");
      if (username === undefined || key === undefined) {
        throw new WrongUsage(
          `The ${username === undefined ? "API user" : "private key's file"} is missing: countersign token <username> <key file>`,
        );
      }
      const privateKey =
        key === "-" ? privateKeyOf(await readStdinBytes(context, KEY_TEXT_CHARACTERS_MAX)) : readPrivateKey(key);
      const assertion = signAssertion(username, privateKey, context.clock.nowMicroseconds() / 1e6);
      const { envelope } = await exchangeOverHttp(url ?? configuredUrl(context), assertion, ttl);
      const { token, expires_in, expires_at } = envelope.data;
      const [refused] = envelope.meta.errors;
      if (token === undefined || refused !== undefined) {
        if (refused === undefined) throw new OperatorError("The answer holds no token.");
        const { code, message, hint } = refused;
        throw new Refusal(code, `${code}: ${message}${hint === undefined ? "" : ` ${hint}`}`);
      }
      for (const warning of envelope.meta.warnings)
        context.stderr.write(`countersign: warning: ${inertMessage(warning.message)}\n`);
      print(context, json, { token, expires_in, expires_at }, () => token);
    });
}

function configuredUrl(context: CliContext): string {
  const config = context.config({});
  const { host } = config;
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return config.publicUrl ?? publicListenerUrl({ ...config, host: reachable });
}
