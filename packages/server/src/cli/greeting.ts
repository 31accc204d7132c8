import { relativeTime } from "./time.ts";

/** What a person at a terminal learns when the service has started. */
export interface Greeting {
  readonly version: string;
  /** How a person types this program's name. */
  readonly programName: string;
  /** `null` if this process doesn't serve the listener. */
  readonly publicUrl: string | null;
  readonly adminUrl: string | null;
  readonly store: string;
  /** The link with which the first owner signs up, if there is no operator yet. */
  readonly setup: { readonly url: string; readonly expiresAtMs: number } | undefined;
  readonly nowMs: number;
}

/**
 * The text for a person who starts the service by hand: addresses, the store, what to do next. The set-up link has a line of its own,
 * so that it can be copied from a terminal of 80 columns.
 */
export function formatGreeting(greeting: Greeting): string {
  const { version, programName, publicUrl, adminUrl, store, setup, nowMs } = greeting;
  const lines = ["", `Countersign ${version} is ready.`, ""];
  if (publicUrl !== null) lines.push(`  for clients    ${publicUrl}`);
  if (adminUrl !== null) lines.push(`  for operators  ${adminUrl}  (console, admin API, metrics)`);
  lines.push(`  store          ${store}`, "");
  if (setup !== undefined) {
    const until = relativeTime(setup.expiresAtMs, nowMs);
    lines.push(`Set up the console with this link; it works once and expires ${until}:`, "", setup.url, "");
    lines.push("Or begin on the command line, in another terminal:", "");
    for (const words of FIRST_COMMANDS) lines.push(`  ${programName} ${words}`);
  } else {
    lines.push(`"${programName} doctor" says what should be mended; "${programName} help" lists every command.`);
  }
  lines.push("", "Ctrl-C stops the service.", "", "");
  return lines.join("\n");
}

const FIRST_COMMANDS = [
  "account create acme",
  "user create demo --account acme",
  "key generate api-1-demo --out private.pem",
  "token api-1-demo private.pem",
];
