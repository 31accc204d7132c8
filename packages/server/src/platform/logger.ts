import { type Logger, pino, stdTimeFunctions } from "pino";
import type { Config } from "../config/config.ts";
import { createRedactor } from "./redact.ts";

export type { Logger };

/** A log whose lines can be forced out before the process ends. */
export interface ProcessLog {
  readonly log: Logger;
  readonly flush: () => void;
}

/**
 * JSON lines on standard error (or `sink`). Every line passes the redactor, at any level.
 *
 * @param secrets exact texts that must not appear in any line
 */
export function createLog(
  level: Config["logLevel"],
  secrets: readonly string[],
  sink?: (line: string) => void,
): ProcessLog {
  const redact = createRedactor(secrets);
  const options = {
    level,
    base: {},
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  if (sink !== undefined)
    return { log: pino(options, { write: (line) => sink(redact(line)) }), flush: () => undefined };
  const standardError = pino.destination({ dest: 2, sync: false });
  // A reader that went away must not end the service.
  standardError.on("error", () => undefined);
  return {
    log: pino(options, { write: (line) => standardError.write(redact(line)) }),
    flush() {
      try {
        standardError.flushSync();
      } catch {
        // Not open yet, or closed by its reader: there is nobody to tell.
      }
    },
  };
}
