import { OperatorError } from "../core/operator-error.ts";

/**
 * A setting that is missing, malformed or out of bounds. The message is one line that names the variable, the problem and what
 * is allowed. It never holds a secret's value.
 */
export class ConfigError extends OperatorError {
  override readonly name = "ConfigError";
}

/** What is wrong with a value. `parseConfig` puts the setting's name in front of the message. */
export class Problem extends ConfigError {}
