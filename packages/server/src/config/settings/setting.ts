/**
 * A setting as the table of settings states it. Each file of this folder has the settings of one subject.
 */

/** One setting: its names, its meaning, and how its text becomes a value. */
export interface Setting<Value> {
  readonly variable: string;
  /** In commander's notation. A setting without a flag is a secret, which must not appear among a process's arguments. */
  readonly flag?: string;
  readonly meaning: string;
  /** As the documentation shows it. */
  readonly default: string;
  /** A secret's value may come from the file that `NAME_FILE` names. */
  readonly secret?: true;
  /** White space around the value and its entries is ignored. */
  readonly isList?: true;
  /** The value is a duration, in milliseconds. */
  readonly duration?: true;
  /** @param text `undefined` if the setting isn't given */
  readonly parse: (text: string | undefined) => Value;
}

/** Lets the compiler infer the type of a setting's value. */
export function setting<Value>(definition: Setting<Value>): Setting<Value> {
  return definition;
}
