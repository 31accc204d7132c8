import type { Command } from "commander";
import type { Flags } from "../config/config.ts";
import type { Standing } from "../core/standing.ts";
import { type CliAdministration, type CliContext, paintStatus, print } from "./context.ts";
import { withAdministration, withStoreFlags } from "./store-flags.ts";

/** How a command deactivates and activates one kind of thing by name. */
interface Named<Thing> {
  /** What the name is called in the usage, such as `username`. */
  readonly argument: string;
  /** What deactivating it does, for the help. */
  readonly effect: string;
  readonly setStanding: (administration: CliAdministration, name: string, standing: Standing) => Promise<Thing>;
  readonly json: (thing: Thing) => object;
}

/** Adds `deactivate` and `activate` to a command. */
export function addStandingCommands<Thing extends { readonly status: string }>(
  context: CliContext,
  command: Command,
  { argument, effect, setStanding, json }: Named<Thing>,
): void {
  for (const [verb, standing] of [
    ["deactivate", "deactivated"],
    ["activate", "active"],
  ] as const) {
    withStoreFlags(command.command(verb))
      .argument(`<${argument}>`)
      .description(verb === "deactivate" ? effect : "undo deactivate")
      .option("--json", "print JSON")
      .action(async (name: string, options: Flags & { readonly json?: boolean }) => {
        const changed = await withAdministration(context, options, (administration) =>
          setStanding(administration, name, standing),
        );
        print(context, options.json, json(changed), () => `${name} is ${paintStatus(context, changed.status)}.`);
      });
  }
}
