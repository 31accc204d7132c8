import { type Logger, pino, stdTimeFunctions } from "pino";
import type { Config } from "../config/config.ts";
import { createLineRedactor } from "./redact.ts";

export type { Logger };

/**
 * Makes a log of JSON lines. The redactor removes secrets from every line, at any level.
 *
 * @param secrets the configured secrets
 * @param write takes one line with its line break; must not throw
 * @param base members of every line
 * @param context further members of a line, asked for at each; costs nothing where it isn't given
 */
export function createLog(
  level: Config["logLevel"],
  secrets: readonly string[],
  write: (line: string) => void,
  base: Readonly<Record<string, unknown>> = {},
  context?: () => object,
): Logger {
  const redact = createLineRedactor(secrets);
  return pino(
    {
      level,
      base,
      ...(context && { mixin: context }),
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label: string) => ({ level: label }) },
    },
    {
      write: (line) => {
        write(redact(line));
      },
    },
  );
}
