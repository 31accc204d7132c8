import { type Command, InvalidArgumentError } from "commander";
import { WrongUsage } from "./context.ts";

/** The options that limit an API user or a key to networks. */
export interface NetworkOptions {
  readonly network?: readonly string[];
  /** `false` with `--no-networks`. */
  readonly networks?: boolean;
}

/** Adds the option that limits a new API user or key. */
export function withNetworks(command: Command): Command {
  return command.option(
    "--network <cidr...>",
    "allow only these IP networks, such as 192.0.2.0/24 (default: from anywhere)",
    addNetworks,
  );
}

/** Adds the options that change the limit of an API user or key. */
export function withNetworkChange(command: Command): Command {
  return command
    .option("--network <cidr...>", "allow only these IP networks, in place of the present ones", addNetworks)
    .option("--no-networks", "allow any address");
}

/** The networks to set, not yet parsed; `undefined` to leave them. @throws {WrongUsage} if both options are given */
export function networkTexts({ network, networks }: NetworkOptions): readonly string[] | undefined {
  if (network !== undefined && networks === false) throw new WrongUsage("Give either --network or --no-networks.");
  return networks === false ? [] : network;
}

/** A list of networks for a table or a line: the first, and how many more there are. */
export function formatNetworks([first, ...more]: readonly string[]): string {
  if (first === undefined) return "-";
  return more.length === 0 ? first : `${first} +${more.length}`;
}

/** Collects the values of an option that takes several, each with commas or without. */
function addNetworks(value: string, previous: readonly string[] = []): readonly string[] {
  const texts = value.split(",").map((text) => text.trim());
  // The option takes every word that follows it, and another argument can be one of them.
  if (!texts.every((text) => /[.:]/.test(text))) {
    throw new InvalidArgumentError("It isn't an IP network. Other arguments come before --network.");
  }
  return [...previous, ...texts];
}
