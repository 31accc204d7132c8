import type { Command } from "commander";
import type { CliContext } from "./context.ts";

export type CommandGroup = "Run" | "Registry" | "Clients and tokens" | "Administration" | "Store" | "Shell";

/** A command as the program's help lists it, and how to import the rest. */
export interface CommandEntry {
  readonly name: string;
  /** What follows the name in the help: arguments, as the command itself declares them. A group of commands has none. */
  readonly usage?: string;
  /** One line. The command's own help begins with it. */
  readonly description: string;
  /** The heading under which the program's help lists it. */
  readonly group?: CommandGroup;
  /** Imports the command's module. */
  readonly load: () => Promise<(context: CliContext) => Command>;
}

/**
 * All commands, in the order of the help. A command's module is imported when the command or its help is wanted, so that
 * no command pays for what only another one needs.
 */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: "serve",
    group: "Run",
    usage: "[options]",
    description: "run the service until SIGTERM or SIGINT; prints one line when it is ready",
    load: async () => (await import("./serve.ts")).serveCommand,
  },
  {
    name: "demo",
    group: "Run",
    usage: "[options]",
    description: "demonstrate the service on a throw-away store, then keep it running until Ctrl-C",
    load: async () => (await import("./demo.ts")).demoCommand,
  },
  {
    name: "doctor",
    group: "Run",
    usage: "[options]",
    description: "look for what is wrong with the deployment, and say what to do; changes nothing",
    load: async () => (await import("./doctor.ts")).doctorCommand,
  },
  {
    name: "healthcheck",
    group: "Run",
    usage: "[options]",
    description: "ask this machine's server whether it can serve: exit status 0 if so, 1 if not",
    load: async () => (await import("./healthcheck.ts")).healthcheckCommand,
  },
  {
    name: "account",
    group: "Registry",
    description: "accounts, which own API users",
    load: async () => (await import("./account.ts")).accountCommand,
  },
  {
    name: "user",
    group: "Registry",
    description: "API users: the clients that sign assertions",
    load: async () => (await import("./user.ts")).userCommand,
  },
  {
    name: "key",
    group: "Registry",
    description: "public keys of API users",
    load: async () => (await import("./key.ts")).keyCommand,
  },
  {
    name: "resource-server",
    group: "Registry",
    description: "resource servers: APIs that introspect tokens",
    load: async () => (await import("./resource-server.ts")).resourceServerCommand,
  },
  {
    name: "apply",
    group: "Registry",
    usage: "[options]",
    description: "make the registry what a document says: accounts, API users, keys, operators, …",
    load: async () => (await import("./apply.ts")).applyCommand,
  },
  {
    name: "export",
    group: "Registry",
    usage: "[options]",
    description: "print the registry as a document that apply takes: YAML, or JSON with --json",
    load: async () => (await import("./export.ts")).exportCommand,
  },
  {
    name: "token",
    group: "Clients and tokens",
    usage: "[options] [username] [key file]",
    description: "act as a client: sign an assertion and exchange it for a token",
    load: async () => (await import("./token.ts")).tokenCommand,
  },
  {
    name: "check",
    group: "Clients and tokens",
    usage: "[options] <token or ->",
    description: "check a token, and say why if it is inactive",
    load: async () => (await import("./check.ts")).checkCommand,
  },
  {
    name: "explain",
    group: "Clients and tokens",
    usage: "[options] <jwt or ->",
    description: "explain, check by check, why the exchange would accept or refuse an assertion now",
    load: async () => (await import("./explain.ts")).explainCommand,
  },
  {
    name: "operator",
    group: "Administration",
    description: "operators: people who use the console",
    load: async () => (await import("./operator.ts")).operatorCommand,
  },
  {
    name: "admin-token",
    group: "Administration",
    description: "admin tokens: let programs use the admin API",
    load: async () => (await import("./admin-token.ts")).adminTokenCommand,
  },
  {
    name: "login",
    group: "Administration",
    usage: "[options]",
    description: "sign this command line in to a server, by its console",
    load: async () => (await import("./login.ts")).loginCommand,
  },
  {
    name: "logout",
    group: "Administration",
    usage: "[options]",
    description: "sign this command line out: revoke its token and forget it",
    load: async () => (await import("./login.ts")).logoutCommand,
  },
  {
    name: "whoami",
    group: "Administration",
    usage: "[options]",
    description: "say which server commands work on, and as whom",
    load: async () => (await import("./login.ts")).whoamiCommand,
  },
  {
    name: "webhook",
    group: "Administration",
    description: "webhooks: endpoints that get the audit log's events",
    load: async () => (await import("./webhook.ts")).webhookCommand,
  },
  {
    name: "audit",
    group: "Administration",
    description: "the audit log: every change, chained by hashes",
    load: async () => (await import("./audit.ts")).auditCommand,
  },
  {
    name: "signing-key",
    group: "Administration",
    description: "signing keys, with which the service signs tokens",
    load: async () => (await import("./signing-key.ts")).signingKeyCommand,
  },
  {
    name: "backup",
    group: "Store",
    usage: "[options] <file>",
    description: "write a consistent copy of the SQLite store while it is in use",
    load: async () => (await import("./backup.ts")).backupCommand,
  },
  {
    name: "migrate",
    group: "Store",
    usage: "[options]",
    description: "bring the store's schema up to date, as serve does when it starts",
    load: async () => (await import("./migrate.ts")).migrateCommand,
  },
  {
    name: "store",
    group: "Store",
    description: "the store as a whole",
    load: async () => (await import("./store.ts")).storeCommand,
  },
  {
    name: "completion",
    group: "Shell",
    usage: "<shell>",
    description: "print a script with which bash, zsh or fish completes command lines",
    load: async () => (await import("./completion.ts")).completionCommand,
  },
  {
    name: "version",
    group: "Shell",
    usage: "[options]",
    description: "print this release's version, its runtime and the newest schema that it knows",
    load: async () => (await import("./version.ts")).versionCommand,
  },
];
