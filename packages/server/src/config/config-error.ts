import { OperatorError } from "../core/operator-error.ts";

/**
 * A setting that is missing, malformed or out of bounds. The message is one line: the variable, the problem and what is
 * allowed. It never holds a secret's value.
 */
export class ConfigError extends OperatorError {
  override readonly name = "ConfigError";
}

/** A value's problem, without the setting's name, which `parseConfig` puts before it. */
export class Problem extends ConfigError {}
