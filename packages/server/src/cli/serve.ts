import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import type { CliContext } from "./context.ts";
import { creating, type NewStoreFlag, withAllFlags, withNewStoreFlag } from "./store-flags.ts";

export function serveCommand(context: CliContext): Command {
  return withNewStoreFlag(withAllFlags(new Command("serve"))).action(async (flags: Flags & NewStoreFlag) => {
    await context.serve(context.config(flags), creating(flags), flags);
  });
}
