import { type Command, InvalidArgumentError, Option } from "commander";
import { type Flags, SETTINGS, type SettingName } from "../config/config.ts";
import type { CliAdministration, CliContext } from "./context.ts";

const STORE_SETTINGS = ["dataDir", "databaseUrl"] as const satisfies readonly SettingName[];
const ALL_SETTINGS = Object.keys(SETTINGS) as SettingName[];

/** Adds the flags that say where the store is. */
export function withStoreFlags(command: Command): Command {
  return addFlags(command, STORE_SETTINGS);
}

/** Adds every flag of the configuration. */
export function withAllFlags(command: Command): Command {
  return addFlags(command, ALL_SETTINGS);
}

function addFlags(command: Command, names: readonly SettingName[]): Command {
  for (const name of names) {
    const definition: { flag?: string; meaning: string; default: string; variable: string } = SETTINGS[name];
    if (definition.flag === undefined) continue;
    const option = new Option(
      definition.flag,
      `${definition.meaning} (${definition.variable}; default ${definition.default})`,
    );
    // Given twice, the later would silently win.
    option.argParser((value: string, previous: string | undefined) => {
      if (previous !== undefined) throw new InvalidArgumentError("It is given twice.");
      return value;
    });
    command.addOption(option);
  }
  return command;
}

/**
 * Runs a piece of work on the store that the flags and the environment name, and closes it.
 *
 * @param mayCreate whether a store that isn't there is made; only the first command of a new one does that, so that a
 *   mistyped folder is noticed
 */
export async function withAdministration<Result>(
  context: CliContext,
  flags: Flags,
  work: (administration: CliAdministration) => Promise<Result>,
  mayCreate = false,
): Promise<Result> {
  const administration = await context.openAdministration(context.config(flags), mayCreate);
  try {
    return await work(administration);
  } finally {
    await administration.close();
  }
}
