import { Argument, Command } from "commander";
import { BASH_SCRIPT, FISH_SCRIPT, ZSH_SCRIPT } from "./completion/scripts.ts";
import type { CliContext } from "./context.ts";

const SCRIPTS = { bash: BASH_SCRIPT, zsh: ZSH_SCRIPT, fish: FISH_SCRIPT };

export function completionCommand(context: CliContext): Command {
  return new Command("completion")
    .addArgument(new Argument("<shell>").choices(Object.keys(SCRIPTS)))
    .addHelpText(
      "after",
      `
To try it in this shell:
  bash:  source <(countersign completion bash)
  zsh:   source <(countersign completion zsh)
  fish:  countersign completion fish | source`,
    )
    .action((shell: keyof typeof SCRIPTS) => {
      context.stdout.write(SCRIPTS[shell]);
    });
}
