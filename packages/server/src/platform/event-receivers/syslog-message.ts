import type { AuditEvent } from "../../core/feed/audit-chain.ts";

/** RFC 5424 §6.2.1: facility 13 (log audit), severity 6 (informational) and 5 (notice). */
const INFORMATIONAL = 13 * 8 + 6;
const NOTICE = 13 * 8 + 5;

/** What an operator should look at: it wasn't a change that somebody meant to make. */
const NOTICED: ReadonlySet<string> = new Set([
  "operator.sign_in_refused",
  "key.found_weak",
  "store.accepted",
  "webhook.disabled",
]);

/** RFC 5612: the enterprise number for those that have none of their own. */
const STRUCTURED_DATA_ID = "countersign@32473";

/** The sender's names in every message. */
export interface SyslogSender {
  readonly hostname: string;
  readonly processId: number;
  readonly storeId: string;
}

/**
 * An event as a syslog message (RFC 5424 §6). The structured data have what identifies and orders it, the text is the event's JSON. The
 * time is the event's.
 *
 * @param json the event as the admin API shows it
 */
export function syslogMessage(event: AuditEvent, json: string, { hostname, processId, storeId }: SyslogSender): string {
  const { seq, action, actor, subject, hash, previousHash, atMs } = event;
  const header = [
    `<${NOTICED.has(action) ? NOTICE : INFORMATIONAL}>1`,
    new Date(atMs).toISOString(),
    printableAscii(hostname, 255),
    "countersign",
    String(processId),
    printableAscii(action, 32),
  ];
  const facts = { seq: String(seq), action, actor, subject, store: storeId, hash, previousHash };
  const parameters = Object.entries(facts).map(([name, value]) => `${name}="${escapeValue(value)}"`);
  return `${header.join(" ")} [${[STRUCTURED_DATA_ID, ...parameters].join(" ")}] ${json}`;
}

/** A header field: printable ASCII without blanks, or `-` for none. */
function printableAscii(text: string, charactersMax: number): string {
  const plain = text.replaceAll(/[^\x21-\x7e]/g, "").slice(0, charactersMax);
  return plain === "" ? "-" : plain;
}

/** RFC 5424 §6.3.3. Control characters are allowed there, but would split a line in a receiver's file. */
function escapeValue(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, " ").replaceAll(/["\\\]]/g, (character) => `\\${character}`);
}
