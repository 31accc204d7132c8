import type { Command } from "commander";
import type { Flags } from "../config/config.ts";
import type { Standing } from "../core/standing.ts";
import { describeImpact, isWatched } from "./confirm.ts";
import { type CliContext, note, paintStatus, print } from "./context.ts";
import type { InputOf, Operate } from "./operations.ts";
import { noteTarget, withOperations, withTargetFlags } from "./target.ts";

/** How a command deactivates and activates one kind of thing by name. */
interface Named<Thing> {
  /** What the name is called in the usage, such as `username`. */
  readonly argument: string;
  /** What deactivating it does, for the help. */
  readonly effect: string;
  readonly setStanding: (operate: Operate, name: string, standing: Standing) => Promise<Thing>;
  readonly json: (thing: Thing) => object;
  /** What its deactivation stops; without it, or if there is no such thing, nothing is said about that. */
  readonly findScope?: (operate: Operate, name: string) => Promise<InputOf<"getImpact">["query"] | undefined>;
}

/** How a command archives and restores one kind of thing by name. */
interface Archivable<Thing> extends Omit<Named<Thing>, "effect" | "setStanding"> {
  /** Such as `account`. */
  readonly thing: string;
  readonly setArchived: (operate: Operate, name: string, archived: boolean) => Promise<Thing>;
}

/** Adds `archive` and `restore` to a command. */
export function addArchiveCommands<Thing>(
  context: CliContext,
  command: Command,
  { argument, thing, setArchived, json, findScope }: Archivable<Thing>,
): void {
  for (const verb of ["archive", "restore"] as const) {
    withTargetFlags(command.command(verb))
      .argument(`<${argument}>`)
      .description(
        verb === "archive"
          ? `deactivate the ${thing} and take it out of the lists; nothing is deleted`
          : `put the ${thing} back into the lists; it stays deactivated`,
      )
      .option("--json", "print JSON")
      .action(async (name: string, options: Flags & { readonly json?: boolean }) => {
        noteTarget(context, options);
        const changed = await withOperations(context, options, async (operate) => {
          const scope = verb === "archive" && isWatched(context) ? await findScope?.(operate, name) : undefined;
          if (scope !== undefined) note(context, await describeImpact(operate, scope));
          return setArchived(operate, name, verb === "archive");
        });
        print(context, options.json, json(changed), () =>
          verb === "archive"
            ? `${name} is archived.`
            : `${name} is restored, and still deactivated: ${command.name()} activate makes it active.`,
        );
      });
  }
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
    withTargetFlags(command.command(verb))
      .argument(`<${argument}>`)
      .description(verb === "deactivate" ? effect : "undo deactivate")
      .option("--json", "print JSON")
      .action(async (name: string, options: Flags & { readonly json?: boolean }) => {
        noteTarget(context, options);
        const changed = await withOperations(context, options, async (operate) => {
          const isStop = verb === "deactivate" && isWatched(context);
          const scope = isStop ? await findScope?.(operate, name) : undefined;
          if (scope !== undefined) note(context, await describeImpact(operate, scope));
          return setStanding(operate, name, standing);
        });
        print(context, options.json, json(changed), () => `${name} is ${paintStatus(context, changed.status)}.`);
      });
  }
}
