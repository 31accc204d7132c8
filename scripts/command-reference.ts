/**
 * The manual of the command line, as a man page and as a page of the documentation. Both are made of the commands
 * themselves, so they say what `--help` says.
 */
import type { Command, Option } from "commander";
import { COMMANDS } from "../packages/server/src/cli/commands.ts";
import type { CliContext } from "../packages/server/src/cli/context.ts";
import { SETTINGS } from "../packages/server/src/config/config.ts";

/** A flag, or an argument that has a description. */
interface Described {
  readonly term: string;
  readonly description: string;
}

/** A command that does something. A group of commands isn't one. */
interface CommandPage {
  /** Without the program's name, such as `key list`. */
  readonly path: string;
  readonly usage: string;
  readonly description: string;
  /** What only this command takes; what many take is in {@link COMMON_FLAGS}, what `serve` takes in the settings. */
  readonly details: readonly Described[];
}

/** A command of the program's help, with its subcommands if it has any. */
interface Chapter {
  readonly name: string;
  readonly description: string;
  readonly pages: readonly CommandPage[];
}

interface ShownSetting {
  readonly variable: string;
  readonly flag?: string;
  readonly default: string;
  readonly meaning: string;
  readonly secret?: true;
}

const settings = Object.values(SETTINGS) as readonly ShownSetting[];
const settingFlags = new Set(settings.flatMap(({ flag }) => (flag === undefined ? [] : [flag])));
const dataDir = SETTINGS.dataDir as ShownSetting;
const databaseUrl = SETTINGS.databaseUrl as ShownSetting;

/** Flags that many commands take. */
const COMMON_FLAGS: readonly Described[] = [
  ...[dataDir, databaseUrl].map(({ flag = "", meaning, variable, default: fallback }) => ({
    term: flag,
    description: `${meaning} (${variable}; default ${fallback}). Every command that opens the store takes it.`,
  })),
  { term: "--json", description: "Print one JSON value to standard output, and nothing else." },
  { term: "-h, --help", description: "Print a command's help." },
  { term: "-v, -V, --version", description: "Print the version. countersign version prints more." },
];

const EXIT_STATUSES: readonly Described[] = [
  { term: "0", description: "Done." },
  { term: "1", description: "Refused or failed; one line on standard error says why." },
  { term: "2", description: "Wrong usage or configuration." },
];

const FILES: readonly Described[] = [
  {
    term: "countersign.db, countersign.db-wal, countersign.db-shm",
    description: "The SQLite store, in the data folder. countersign backup makes a consistent copy.",
  },
  { term: "master.key", description: "The master secret, unless it is configured. Keep a copy elsewhere." },
  { term: "countersign.position", description: "The last change of the store, by which a restored one is noticed." },
];

const EXAMPLES: readonly { readonly purpose: string; readonly lines: readonly string[] }[] = [
  {
    purpose: "Create an account, an API user and a key pair:",
    lines: [
      "countersign account create acme",
      "countersign user create billing --account acme",
      "countersign key generate api-1-billing --out billing.pem --expires-in 365d",
    ],
  },
  { purpose: "Serve until Ctrl-C:", lines: ["countersign serve"] },
  {
    purpose: "Get a token as that client, and check it:",
    lines: [
      "countersign token --username api-1-billing --key billing.pem >token.txt",
      "countersign check - <token.txt",
    ],
  },
  { purpose: "Revoke a key and every token minted under it:", lines: ["countersign key revoke 1"] },
];

/** Is this a command by itself, and not a group of commands? */
function isSingle(name: string, pages: readonly CommandPage[]): boolean {
  return pages.length === 1 && pages[0]?.path === name;
}

/** Reads the commands, importing all of them. */
export async function readChapters(): Promise<readonly Chapter[]> {
  const chapters: Chapter[] = [];
  for (const { name, description, load } of COMMANDS) {
    const command = (await load())({} as CliContext);
    chapters.push({ name, description, pages: readPages(command.description(description), name) });
  }
  return chapters;
}

function readPages(command: Command, path: string): readonly CommandPage[] {
  if (command.commands.length > 0) {
    return command.commands.flatMap((subcommand) => readPages(subcommand, `${path} ${subcommand.name()}`));
  }
  const argumentsOf = command.registeredArguments;
  const usage = argumentsOf.map((argument) => (argument.required ? `<${argument.name()}>` : `[${argument.name()}]`));
  const options = command.options.filter(
    ({ hidden, flags }) => !hidden && !settingFlags.has(flags) && flags !== "--json",
  );
  const details = [
    ...argumentsOf
      .filter(({ description }) => description !== "")
      .map((argument) => ({ term: `<${argument.name()}>`, description: describe(argument.description, argument) })),
    ...options.map((option) => ({ term: option.flags, description: describe(option.description, option) })),
  ];
  const page = { path, usage: ["[options]", ...usage].join(" "), description: command.description(), details };
  return [page];
}

function describe(text: string, { argChoices, defaultValue }: Pick<Option, "argChoices" | "defaultValue">): string {
  const choices = argChoices === undefined ? "" : ` (${argChoices.join(", ")})`;
  const fallback = typeof defaultValue === "string" ? ` (default: ${defaultValue})` : "";
  return `${text}${choices}${fallback}`.trim();
}

/** The man page, section 1. */
export function manPage(chapters: readonly Chapter[]): string {
  const entry = ({ term, description }: Described) => [".TP", `\\fB${roff(term)}\\fR`, roffLine(sentence(description))];
  return [
    '.\\" Generated by npm run docs.',
    '.TH COUNTERSIGN 1 "" Countersign "User Commands"',
    ".SH NAME",
    "countersign \\- a self\\-hosted token service for API clients",
    ".SH SYNOPSIS",
    ".B countersign",
    "\\fIcommand\\fR [\\fIoptions\\fR] [\\fIarguments\\fR]",
    ".SH DESCRIPTION",
    "A client exchanges an assertion that it has signed for a short\\-lived token.",
    "A gateway or an API checks the token.",
    "An operator manages accounts, API users and their public keys, and can revoke each of them immediately.",
    ".PP",
    "Commands work on the store directly, with the server's configuration, whether a server runs or not.",
    ".SH COMMANDS",
    ...chapters.flatMap(({ name, description, pages }) => [
      `.SS ${roff(name)}`,
      ...(isSingle(name, pages) ? [] : [roffLine(sentence(description))]),
      ...pages.flatMap((page) => [
        ".TP",
        `\\fBcountersign ${roff(page.path)}\\fR ${roff(page.usage)}`,
        roffLine(sentence(page.description)),
        ...(page.details.length === 0 ? [] : [".RS", ...page.details.flatMap(entry), ".RE"]),
      ]),
    ]),
    ".SH OPTIONS",
    "Flags override environment variables, which override defaults.",
    "Each flag of",
    ".B countersign serve",
    "is beside its variable under ENVIRONMENT.",
    ...COMMON_FLAGS.flatMap(entry),
    ".SH ENVIRONMENT",
    ...settings.flatMap((setting) => [
      ".TP",
      `${variablesOf(setting)
        .map((name) => `\\fB${roff(name)}\\fR`)
        .join(", ")}${setting.flag === undefined ? "" : `, \\fB${roff(setting.flag)}\\fR`}`,
      roffLine(sentence(setting.meaning)),
      roffLine(`Default: ${setting.default}.`),
    ]),
    ".TP",
    "\\fBNO_COLOR\\fR",
    "If set, text for people has no colours on a terminal either.",
    ".SH FILES",
    ...FILES.flatMap(entry),
    ".SH EXIT STATUS",
    ...EXIT_STATUSES.flatMap(entry),
    ".SH EXAMPLES",
    ...EXAMPLES.flatMap(({ purpose, lines }) => [
      ".PP",
      roffLine(purpose),
      ".PP",
      ".RS 4",
      ".nf",
      ...lines.map(roffLine),
      ".fi",
      ".RE",
    ]),
    "",
  ].join("\n");
}

/** Text in roff: a backslash begins an escape, and a plain hyphen may become a typographic one. */
function roff(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("…", "...");
}

/** A line of text in roff: a full stop or an apostrophe at its beginning begins a request. */
function roffLine(text: string): string {
  return roff(text).replace(/^(?=[.'])/, "\\&");
}

/** The page of the documentation. */
export function commandLineMarkdown(chapters: readonly Chapter[]): string {
  const table = (head: string, rows: readonly Described[]) => [
    `| ${head} | |`,
    "|---|---|",
    ...rows.map(
      ({ term, description }) => `| \`${cell(term)}\` | ${cell(sentence(description)).replaceAll("<", "&lt;")} |`,
    ),
    "",
  ];
  return [
    "# Command line",
    "",
    "Commands work on the store directly, with the [server's configuration](configuration.md), whether a",
    "server runs or not. From a checkout, run them as `npx countersign`.",
    "",
    "Standard output has the result only: text for people or, with `--json`, exactly one JSON value.",
    "Errors are one line each on standard error. With `--json`, standard output then has the error as",
    "its one JSON value, unless it has the result already: the `code` is a [refusal's](errors.md),",
    "`usage`, `configuration` or `failed`.",
    "",
    '    {"error":{"code":"not_found","message":"There is no account acmee; did you mean acme?"}}',
    "",
    "`countersign help <command>`, `countersign <command> help` and `--help` print a command's help;",
    "`-v`, `-V` and `--version` print the version. `token` and the commands for keys take the username",
    "and the key file as arguments or as `--username` and `--key`.",
    "",
    "What can't be undone asks at a terminal, after it has said which live tokens and clients it stops.",
    "Elsewhere `store accept`, `admin-token revoke` and `key revoke --statement` want `--yes`; `key",
    "revoke <key id>` and `signing-key retire` go on without it, and note on standard error what they",
    "stopped.",
    "",
    "`serve` greets a person at a terminal with a banner on standard error, and logs only warnings and",
    "errors there unless a log level is configured. Standard output has the ready line in every case.",
    "",
    "Generated from the commands by `npm run docs`, like the man page `countersign.1`.",
    "",
    ...table("exit status", EXIT_STATUSES),
    ...table("option of many commands", COMMON_FLAGS),
    "## Completion",
    "",
    "The Tab key completes commands, flags and files, and from the store the names of API users, keys,",
    "accounts, resource servers, webhooks, operators and admin tokens. It reads the store with the rights",
    "and the environment of the shell, and completes no names where it can't, or where the environment",
    "or the line selects a server. To set it up for all shells",
    "of a user:",
    "",
    "| shell | |",
    "|---|---|",
    "| bash | `countersign completion bash > ~/.local/share/bash-completion/completions/countersign` |",
    "| zsh | `countersign completion zsh > <folder of fpath>/_countersign` |",
    "| fish | `countersign completion fish > ~/.config/fish/completions/countersign.fish` |",
    "",
    "bash needs its package bash-completion for that. A script stays right when Countersign is updated:",
    "it asks the installed program.",
    "",
    ...chapters.flatMap(({ name, description, pages }) => [
      `## ${name}`,
      "",
      ...(isSingle(name, pages) ? [] : [sentence(description), ""]),
      ...pages.flatMap((page) => [
        ...(page.path === name ? [] : [`### ${page.path}`, ""]),
        `    countersign ${page.path} ${page.usage}`,
        "",
        ...wrap(sentence(page.description)),
        "",
        ...(page.path === "serve"
          ? ["All settings are options; [configuration.md](configuration.md) lists them.", ""]
          : []),
        ...(page.details.length === 0 ? [] : table("argument or option", page.details)),
      ]),
    ]),
  ].join("\n");
}

function variablesOf({ variable, secret }: ShownSetting): readonly string[] {
  return secret === true ? [variable, `${variable}_FILE`] : [variable];
}

/** A description as a sentence: a capital first, unless it begins with a name in lower case, and a full stop at its end. */
function sentence(text: string): string {
  const capital = /^[a-z]+(?:-[a-z]+)*(?=[ ;]|$)/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
  return /[.:?]$/.test(capital) || capital === "" ? capital : `${capital}.`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

/** Breaks a text at 100 columns. */
function wrap(text: string): readonly string[] {
  const lines: string[] = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1) ?? "";
    if (last === "") lines[lines.length - 1] = word;
    else if (last.length + 1 + word.length <= 100) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
