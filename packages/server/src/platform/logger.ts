import { type Logger, pino, stdTimeFunctions } from "pino";
import type { Config } from "../config/config.ts";
import { createRedactor } from "./redact.ts";

export type { Logger };

/** A log whose lines can be forced out before the process ends. */
export interface ProcessLog {
  readonly log: Logger;
  readonly flush: () => Promise<void>;
}

/** Lines wait in memory while standard error's reader is slow; beyond this, further ones are dropped. */
const BUFFERED_CHARACTERS_MAX = 4 * 1024 * 1024;

/** How long the last lines may take, in milliseconds. */
const FLUSH_MS_MAX = 1000;

/**
 * JSON lines on standard error (or `sink`). Every line passes the redactor, at any level.
 *
 * @param secrets exact texts that must not appear in any line
 * @param base members of every line
 */
export function createLog(
  level: Config["logLevel"],
  secrets: readonly string[],
  sink?: (line: string) => void,
  base: Readonly<Record<string, unknown>> = {},
): ProcessLog {
  const redact = createRedactor(secrets);
  const options = {
    level,
    base,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  if (sink !== undefined) {
    return { log: pino(options, { write: (line) => sink(redact(line)) }), flush: () => Promise.resolve() };
  }
  const standardError = pino.destination({ dest: 2, sync: false, maxLength: BUFFERED_CHARACTERS_MAX });
  // A reader that went away must not end the service.
  standardError.on("error", () => undefined);
  return {
    log: pino(options, { write: (line) => standardError.write(redact(line)) }),
    flush: () =>
      new Promise((resolve) => {
        // A reader that has stopped reading must not keep the process.
        setTimeout(resolve, FLUSH_MS_MAX).unref();
        standardError.flush(() => {
          resolve();
        });
      }),
  };
}
