import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import {
  changeResourceServer,
  createResourceServer,
  rotateResourceServerSecret,
  type WithSecret,
} from "../core/resource-servers/changes.ts";
import { type CliContext, paintStatus, print } from "./context.ts";
import { resourceServerJson } from "../core/json/registry.ts";
import { addStandingCommands } from "./standing-commands.ts";
import { commitAs, commitChange, withAdministration, withStoreFlags } from "./store-flags.ts";
import { formatFields, formatTable } from "./table.ts";
import { parseDuration, relativeTime } from "./time.ts";

type Options = Flags & { readonly json?: boolean };

export function resourceServerCommand(context: CliContext): Command {
  const command = new Command("resource-server");

  const printSecret = ({ server, secret }: WithSecret, json: boolean | undefined) => {
    // The documentation shows the secret second.
    const { client_id, ...rest } = resourceServerJson(server);
    print(context, json, { client_id, client_secret: secret, ...rest }, () =>
      formatFields([
        ["client_id", server.clientId],
        ["client_secret", secret],
        ["name", server.name],
      ]),
    );
    context.stderr.write("The secret is shown only once; the store keeps a hash of it.\n");
  };

  withStoreFlags(command.command("create"))
    .argument("<name>", "lower-case letters, digits, '.', '_' and '-'")
    .description("create a resource server and print its secret")
    .option("--json", "print JSON")
    .action(async (name: string, options: Options) => {
      const created = await commitChange(context, options, (tx) => createResourceServer(tx, name, context.random));
      printSecret(created, options.json);
    });

  withStoreFlags(command.command("list"))
    .description("list resource servers")
    .option("--json", "print JSON")
    .action(async (options: Options) => {
      const servers = await withAdministration(context, options, ({ store }) => store.resourceServers.list());
      print(context, options.json, servers.map(resourceServerJson), () => {
        if (servers.length === 0) {
          return "No resource servers yet; create one with: countersign resource-server create <name>";
        }
        const rows = servers.map(({ clientId, name, status, createdAtMs }) => [
          clientId,
          name,
          paintStatus(context, status),
          relativeTime(createdAtMs, context.clock.wallMs()),
        ]);
        return formatTable(["client_id", "name", "status", "created"], rows);
      });
    });

  withStoreFlags(command.command("rotate"))
    .argument("<name>")
    .description("give a resource server a new secret and print it")
    .option("--grace <duration>", "how long the previous secret still works, such as 15m (default: not at all)")
    .option("--json", "print JSON")
    .action(async (name: string, options: Options & { readonly grace?: string }) => {
      const graceMs = options.grace === undefined ? 0 : parseDuration(options.grace);
      const rotated = await commitChange(context, options, (tx) =>
        rotateResourceServerSecret(tx, name, graceMs, context.random),
      );
      printSecret(rotated, options.json);
    });

  addStandingCommands(context, command, {
    argument: "name",
    effect: "refuse a resource server's requests immediately",
    setStanding: (administration, name, status) =>
      commitAs(context, administration, (tx) => changeResourceServer(tx, name, { status })),
    json: resourceServerJson,
  });
  return command;
}
