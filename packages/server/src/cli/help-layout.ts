import { type Command, Help, type Option } from "commander";
import { wrapText } from "./wrap-text.ts";

/** Nobody reads lines longer than this, however wide the terminal is. */
const COLUMNS_MAX = 100;
/** A description narrower than this gets lines of its own below its term. */
const DESCRIPTION_COLUMNS_MIN = 36;
const BELOW_INDENT = 6;
const USAGE_INDENT = " ".repeat("Usage: ".length);

/** The heading of the options that say where the store is. */
export const STORE_GROUP = "Where the store is:";

/**
 * How a command's help is laid out: every line fits the terminal from 60 columns on, and options that must be given are marked.
 * A command inherits this from the program.
 */
export const HELP_LAYOUT: Partial<Help> = {
  showGlobalOptions: false,
  minWidthToWrap: 20,
  prepareContext(this: Help, { helpWidth }) {
    this.helpWidth = Math.min(helpWidth ?? 80, COLUMNS_MAX);
  },
  optionDescription(option: Option) {
    const description = Help.prototype.optionDescription.call(this as Help, option);
    return option.mandatory ? `required: ${description}` : description;
  },
  commandUsage(this: Help, command: Command) {
    return wrapText(usageOf(command), columnsOf(this) - USAGE_INDENT.length).join(`\n${USAGE_INDENT}`);
  },
  // A command's own options come before those that most commands have.
  groupItems<T extends Command | Option>(this: Help, unsorted: T[], visible: T[], groupOf: (item: T) => string) {
    const groups = Help.prototype.groupItems.call(
      this,
      unsorted,
      visible,
      groupOf as (item: Command | Option) => string,
    );
    const store = groups.get(STORE_GROUP);
    if (store === undefined) return groups as Map<string, T[]>;
    groups.delete(STORE_GROUP);
    return groups.set(STORE_GROUP, store) as Map<string, T[]>;
  },
  formatItem(this: Help, term: string, termWidth: number, description: string, helper: Help) {
    if (description === "") return `  ${term}`;
    const columns = columnsOf(this) - termWidth - 4;
    const longest = Math.max(...description.split(" ").map((word) => word.length));
    if (columns < Math.max(DESCRIPTION_COLUMNS_MIN, longest)) {
      const text = helper.boxWrap(description, columnsOf(this) - BELOW_INDENT);
      return `  ${term}\n${text.replaceAll(/^/gm, " ".repeat(BELOW_INDENT))}`;
    }
    const text = helper.boxWrap(description, columns);
    return `  ${term.padEnd(termWidth)}  ${text.replaceAll("\n", `\n${" ".repeat(termWidth + 4)}`)}`;
  },
};

/** How a command is called: `countersign operator invite --role <role> [options] <email>`. */
export function usageOf(command: Command): string {
  const usage = new Help().commandUsage(command);
  const needed = command.options.filter(({ mandatory }) => mandatory).map(({ flags }) => flags.split(", ").at(-1));
  return needed.length === 0 ? usage : usage.replace("[options]", `${needed.join(" ")} [options]`);
}

function columnsOf({ helpWidth = 80 }: Help): number {
  return helpWidth;
}
