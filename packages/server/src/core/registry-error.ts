/** Why an administrator's change or question is turned down. */
export type RegistryErrorCode = "not_found" | "conflict" | "invalid";

/**
 * A change that is refused, in words that an operator can act on. It changes nothing.
 *
 * The message never holds key material.
 */
export class RegistryError extends Error {
  override readonly name = "RegistryError";
  readonly code: RegistryErrorCode;
  /** Which of the values that were given is meant, such as `name`; `undefined` where it is none, or all together. */
  readonly field: string | undefined;

  constructor(code: RegistryErrorCode, message: string, field?: string) {
    super(message);
    this.code = code;
    this.field = field;
  }
}
