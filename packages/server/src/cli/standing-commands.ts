import type { Command } from "commander";
import type { Flags } from "../config/config.ts";
import type { Standing } from "../core/standing.ts";
import type { UsageScope } from "../core/keys/usage-store.ts";
import type { Store } from "../core/store/store.ts";
import { describeImpact, isWatched } from "./confirm.ts";
import { type CliAdministration, type CliContext, note, paintStatus, print } from "./context.ts";
import { withAdministration, withStoreFlags } from "./store-flags.ts";

/** How a command deactivates and activates one kind of thing by name. */
interface Named<Thing> {
  /** What the name is called in the usage, such as `username`. */
  readonly argument: string;
  /** What deactivating it does, for the help. */
  readonly effect: string;
  readonly setStanding: (administration: CliAdministration, name: string, standing: Standing) => Promise<Thing>;
  readonly json: (thing: Thing) => object;
  /** What its deactivation stops; without it, or if there is no such thing, nothing is said about that. */
  readonly findScope?: (store: Store, name: string) => Promise<UsageScope | undefined>;
}

/** Adds `deactivate` and `activate` to a command. */
export function addStandingCommands<Thing extends { readonly status: string }>(
  context: CliContext,
  command: Command,
  { argument, effect, setStanding, json, findScope }: Named<Thing>,
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
        const changed = await withAdministration(context, options, async (administration) => {
          const { store } = administration;
          const isStop = verb === "deactivate" && isWatched(context);
          const scope = isStop ? await findScope?.(store, name) : undefined;
          if (scope !== undefined) note(context, await describeImpact(store, scope, context.clock.wallMs()));
          return setStanding(administration, name, standing);
        });
        print(context, options.json, json(changed), () => `${name} is ${paintStatus(context, changed.status)}.`);
      });
  }
}
