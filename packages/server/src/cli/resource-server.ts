import { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { unknownResourceServer } from "../core/resource-servers/changes.ts";
import { type CliContext, paintStatus, print } from "./context.ts";
import { listAll, type ResourceServerJson, type ResourceServerWithSecretJson } from "./operations.ts";
import { addStandingCommands } from "./standing-commands.ts";
import { formatFields, formatTable } from "./table.ts";
import { named, noteTarget, withOperations, withTargetFlags } from "./target.ts";
import { parseDuration, relativeTime } from "./time.ts";

type Options = Flags & { readonly json?: boolean };

export function resourceServerCommand(context: CliContext): Command {
  const command = new Command("resource-server");

  const printSecret = (made: ResourceServerWithSecretJson, json: boolean | undefined) => {
    // Null only if the answer to the first attempt was lost: a secret is shown once.
    const { client_secret: secret } = made;
    // The documentation shows the secret second.
    const { client_id, ...rest } = shownServer(made);
    print(context, json, { client_id, client_secret: secret, ...rest }, () =>
      formatFields([
        ["client_id", client_id],
        ["client_secret", secret ?? "lost on its way"],
        ["name", made.name],
      ]),
    );
    context.stderr.write(
      secret === null
        ? `countersign: note: the answer with the secret was lost; countersign resource-server rotate ${made.name} makes another.\n`
        : "The secret is shown only once; the store keeps a hash of it.\n",
    );
  };

  withTargetFlags(command.command("create"))
    .argument("<name>", "lower-case letters, digits, '.', '_' and '-'")
    .description("create a resource server and print its secret")
    .option("--json", "print JSON")
    .action(async (name: string, options: Options) => {
      noteTarget(context, options);
      const { data: created } = await withOperations(context, options, (operate) =>
        operate("createResourceServer", { body: { name } }),
      );
      printSecret(created, options.json);
    });

  withTargetFlags(command.command("list"))
    .description("list resource servers")
    .option("--json", "print JSON")
    .action(async (options: Options) => {
      const servers = await withOperations(context, options, (operate) =>
        listAll(operate, "listResourceServers", { query: {} }),
      );
      print(context, options.json, servers.map(shownServer), () => {
        if (servers.length === 0) {
          return "No resource servers yet; create one with: countersign resource-server create <name>";
        }
        const rows = servers.map(({ client_id, name, status, created_at }) => [
          client_id,
          name,
          paintStatus(context, status),
          relativeTime(Date.parse(created_at), context.clock.wallMs()),
        ]);
        return formatTable(["client_id", "name", "status", "created"], rows);
      });
    });

  withTargetFlags(command.command("rotate"))
    .argument("<name>")
    .description("give a resource server a new secret and print it")
    .option("--grace <duration>", "how long the previous secret still works, such as 15m (default: not at all)")
    .option("--json", "print JSON")
    .action(async (name: string, options: Options & { readonly grace?: string }) => {
      const graceMs = options.grace === undefined ? 0 : parseDuration(options.grace);
      noteTarget(context, options);
      const rotation = { params: { name }, body: { grace_seconds: graceMs / 1000 } };
      const { data: rotated } = await withOperations(context, options, (operate) =>
        named(operate("rotateResourceServerSecret", rotation), unknownResourceServer(name)),
      );
      printSecret(rotated, options.json);
    });

  addStandingCommands(context, command, {
    argument: "name",
    effect: "refuse a resource server's requests immediately",
    setStanding: async (operate, name, status) => {
      const change = operate("changeResourceServer", { params: { name }, body: { status } });
      return (await named(change, unknownResourceServer(name))).data;
    },
    json: shownServer,
  });
  return command;
}

/** Without its secret, which only its creation and rotation show. */
function shownServer(server: ResourceServerJson): ResourceServerJson {
  const { client_id, name, status, created_at, previous_secret_ends_at } = server;
  return { client_id, name, status, created_at, previous_secret_ends_at };
}
