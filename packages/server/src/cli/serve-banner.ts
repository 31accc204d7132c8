import { stripVTControlCharacters, styleText } from "node:util";
import type { Config } from "../config/config.ts";
import type { Clock } from "../core/surroundings.ts";
import { shellWord } from "./shell-word.ts";
import { relativeTime } from "./time.ts";

/** What a person who starts a server needs to see. */
export interface Served {
  readonly version: string;
  /** `null` if another process serves the public listener. */
  readonly publicUrl: string | null;
  /** The console's; `null` if another process serves the internal listener. */
  readonly consoleUrl: string | null;
  readonly config: Pick<Config, "databaseUrl" | "dataDir" | "workers">;
  /** The link with which the first owner signs up, if the store has no operator. */
  readonly setup: { readonly url: string; readonly expiresAtMs: number } | undefined;
  /** Whether the store has no API user yet. */
  readonly isEmpty: boolean;
  /** How this program is called at a shell, such as `npx countersign`. */
  readonly programName: string;
  /** Whether log lines below warnings are left out, because no level is configured. */
  readonly isQuiet: boolean;
}

const DATA_DIR_DEFAULT = "./data";
const PUBLIC_URL_DEFAULT = "http://127.0.0.1:8080";

/**
 * What `serve` prints on a terminal once it is ready, for standard error. The set-up link stands at the beginning of a line and
 * without colours after it, so that it can be copied from any terminal.
 */
export function formatServeBanner(served: Served, clock: Clock, useColors: boolean): string {
  const { version, publicUrl, consoleUrl, config, setup, isEmpty, isQuiet } = served;
  const paint = (style: Parameters<typeof styleText>[0], text: string) =>
    useColors ? styleText(style, text, { validateStream: false }) : text;
  const fields = [
    ["clients", publicUrl ?? "not served by this process"],
    ["console", consoleUrl ?? "not served by this process"],
    ["store", describeStore(config)],
    ...(config.workers > 1 ? [["workers", String(config.workers)]] : []),
  ];
  return [
    "",
    paint("bold", `Countersign ${version} is running.`),
    "",
    ...fields.map(([name = "", value = ""]) =>
      `  ${name.padEnd(8)}  ${paint("cyan", value)}`.concat(
        name === "console" && consoleUrl !== null ? "  (also the admin API and the metrics)" : "",
      ),
    ),
    "",
    ...(setup === undefined ? [] : [...describeSetup(setup, clock.wallMs()), ""]),
    ...(isEmpty ? firstSteps(served) : nextSteps(served)),
    "",
    "Ctrl-C stops it.",
    ...(isQuiet ? ["Only warnings and errors follow here; --log-level info logs more."] : []),
    "",
    "",
  ].join("\n");

  function describeSetup({ url, expiresAtMs }: NonNullable<Served["setup"]>, nowMs: number): string[] {
    return [
      `Become the first owner; this link works once and expires ${relativeTime(expiresAtMs, nowMs)}:`,
      "",
      paint("cyan", url),
    ];
  }
}

function describeStore({ databaseUrl, dataDir }: Served["config"]): string {
  if (databaseUrl === undefined) return `SQLite, ${shown(dataDir)}/countersign.db`;
  if (!URL.canParse(databaseUrl)) return "PostgreSQL";
  // Neither the user nor the password.
  const { host, pathname } = new URL(databaseUrl);
  return `PostgreSQL, ${shown(decodeURI(pathname.slice(1)) || "its default database")} at ${shown(host || "a local socket")}`;
}

/** From nothing to a token, at the command line. */
function firstSteps({ config, programName, publicUrl }: Served): string[] {
  const isStoreElsewhere = config.databaseUrl !== undefined || config.dataDir !== DATA_DIR_DEFAULT;
  const store = config.databaseUrl === undefined && isStoreElsewhere ? ` --data-dir ${shellWord(config.dataDir)}` : "";
  const url = publicUrl === null || publicUrl === PUBLIC_URL_DEFAULT ? "" : ` --url ${shellWord(publicUrl)}`;
  return [
    ...(config.databaseUrl === undefined
      ? ["Create a client and get its first token, in the console or in another terminal:"]
      : [
          // Its password would stay in the shell's history.
          "Create a client and get its first token, in the console or in another terminal,",
          "in which COUNTERSIGN_DATABASE_URL names the same database:",
        ]),
    "",
    ...[
      `account create acme${store}`,
      `user create demo --account acme${store}`,
      `key generate api-1-demo --out demo.pem${store}`,
      `token api-1-demo demo.pem${url}`,
    ].map((words) => `  ${programName} ${words}`),
  ];
}

function nextSteps({ programName }: Served): string[] {
  return [`${programName} doctor checks the deployment; ${programName} help lists the commands.`];
}

function shown(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/\p{C}/gu, "?");
}
