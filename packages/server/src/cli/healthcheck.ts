import { LIVENESS_PATH, READINESS_PATH } from "@countersign/protocol";
import { Command } from "commander";
import type { Config, Flags } from "../config/config.ts";
import { internalTlsFiles, publicTlsFiles } from "../config/tls-files.ts";
import { OperatorError } from "../core/operator-error.ts";
import { askHealth, type ListenerPlace } from "../platform/ask-health.ts";
import { socketPathOf } from "../platform/listener-url.ts";
import { type CliContext, print } from "./context.ts";
import { withListenerFlags } from "./store-flags.ts";

/** How much of a server's text is printed, in characters. */
const TEXT_CHARACTERS_MAX = 300;

/**
 * Asks the server of this machine, or of this container, whether it can serve. It finds the server by the configuration
 * that the server itself has, and opens no store.
 */
export function healthcheckCommand(context: CliContext): Command {
  return withListenerFlags(new Command("healthcheck"))
    .option("--live", "ask only whether the process is alive, not whether it can serve")
    .option("--json", "print JSON")
    .action(async ({ live, json, ...flags }: Flags & { live?: boolean; json?: boolean }) => {
      const place = listenerPlace(context.config(flags));
      const { status, body } = await askHealth(place, live === true ? LIVENESS_PATH : READINESS_PATH);
      if (status !== 200) {
        throw new OperatorError(`the service isn't ready: ${plainText(body.reason) ?? `HTTP ${status}`}`);
      }
      const degraded = plainText(body.degraded);
      const word = live === true ? "alive" : "ready";
      print(context, json, { status: word, ...(degraded === undefined ? {} : { degraded }) }, () =>
        degraded === undefined ? word : `${word}, but ${degraded}`,
      );
    });
}

/** The public listener; the internal one of a process that has no other. @throws {OperatorError} if its port isn't known */
function listenerPlace(config: Config): ListenerPlace {
  const place =
    config.listenOnly === "internal"
      ? { host: config.adminHost, port: config.adminPort, hasTls: internalTlsFiles(config) !== undefined }
      : { host: config.host, port: config.port, hasTls: publicTlsFiles(config) !== undefined };
  if (place.port === 0 && socketPathOf(place.host) === undefined) {
    throw new OperatorError("the server picks a free port by itself, so give its number with --port or --admin-port");
  }
  return place;
}

/** A server's text on one line, without characters that a terminal would act on. */
function plainText(text: unknown): string | undefined {
  if (typeof text !== "string") return undefined;
  return text.slice(0, TEXT_CHARACTERS_MAX).replaceAll(/[\p{C}\p{Z}]+/gu, " ");
}
