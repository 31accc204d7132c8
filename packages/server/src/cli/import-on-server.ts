import { isName } from "@countersign/protocol";
import type { ImportRow } from "../core/bulk/import-row.ts";
import { COMMITTED_ROWS, type ReadRow } from "../core/bulk/import-users.ts";
import { isoTime } from "../core/json/registry.ts";
import { OperatorError } from "../core/operator-error.ts";
import { fieldRefusal, Refusal } from "../core/refusal.ts";
import { inertMessage } from "./inert-text.ts";
import type { DataOf, InputOf, Operate } from "./operations.ts";
import { DOUBT } from "./remote-operations.ts";

/** The most bytes of the rows of one request, as JSON. The admin API takes 2 MiB, and a row has some 15 KiB at most. */
const REQUEST_BYTES_MAX = 1024 * 1024;

/** How often the server is asked while it can't answer now, and the longest pause before the next time, in seconds. */
const TRIES_MAX = 10;
const PAUSE_SECONDS_MAX = 60;

type SentRow = InputOf<"importUsers">["body"]["rows"][number];
type RowAnswer = DataOf<"importUsers">["rows"][number];

/** What became of a row. */
export interface RowOutcome<Place> {
  readonly place: Place;
  readonly result: Refusal | { readonly outcome: "created" | "key_added" | "unchanged"; readonly addsKey: boolean };
}

export interface ServerImport {
  readonly operate: Operate;
  /** Examine everything, and change nothing? */
  readonly isDryRun: boolean;
  readonly pause: (milliseconds: number) => Promise<void>;
}

/**
 * Imports rows by the admin API, a request for up to {@link COMMITTED_ROWS} rows after the other. Of a row only what was understood is
 * sent, and of its key only the public key that was read from it.
 *
 * @returns what became of the rows, in their order, after each request
 * @throws {Refusal} @throws {OperatorError} if the server doesn't take a request; the message says how far the import got
 */
export async function* importOnServer<Place>(
  rows: AsyncIterable<ReadRow<Place>>,
  dependencies: ServerImport,
): AsyncGenerator<readonly RowOutcome<Place>[]> {
  let done = 0;
  try {
    // Reading a row may ask the server, too.
    for await (const batch of batchesOf(rows)) {
      const outcomes = await importBatch(batch, dependencies);
      done += batch.length;
      yield outcomes;
    }
  } catch (error) {
    throw withProgress(error, done, dependencies.isDryRun);
  }
}

/** A row, and what is sent of it; `sent` is the refusal of a row that isn't sent. */
interface PreparedRow<Place> {
  readonly place: Place;
  readonly sent: SentRow | Refusal;
}

async function* batchesOf<Place>(rows: AsyncIterable<ReadRow<Place>>): AsyncGenerator<readonly PreparedRow<Place>[]> {
  let batch: PreparedRow<Place>[] = [];
  let bytes = 0;
  for await (const { place, row } of rows) {
    const sent = row instanceof Refusal ? row : sentRow(row);
    const rowBytes = sent instanceof Refusal ? 0 : Buffer.byteLength(JSON.stringify(sent));
    if (batch.length === COMMITTED_ROWS || bytes + rowBytes > REQUEST_BYTES_MAX) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push({ place, sent });
    bytes += rowBytes;
  }
  if (batch.length > 0) yield batch;
}

function sentRow({ account, name, access, status, key, ...row }: ImportRow): SentRow | Refusal {
  const expiresAt = key?.expiresAtMs === undefined ? undefined : isoTime(key.expiresAtMs);
  // A time of the year 9999 may be one of the next year in UTC, for which RFC 3339 has no form.
  if (expiresAt !== undefined && !/^\d{4}-/.test(expiresAt)) {
    return fieldRefusal("field_invalid", "expires_at must be before the year 10000.", "expires_at");
  }
  return {
    account,
    name,
    access,
    status,
    may_rotate: row.mayRotate,
    networks: row.networks,
    display_name: row.displayName,
    description: row.description,
    contact: row.contact,
    public_key: key && key.parsed.spki.toString("base64"),
    label: key?.label,
    expires_at: expiresAt,
    key_status: key?.status,
    key_networks: key?.networks,
  };
}

async function importBatch<Place>(
  batch: readonly PreparedRow<Place>[],
  dependencies: ServerImport,
): Promise<readonly RowOutcome<Place>[]> {
  const sent = batch.flatMap((row) => (row.sent instanceof Refusal ? [] : [row.sent]));
  const answers = sent.length === 0 ? [] : await send(sent, dependencies);
  if (answers.length !== sent.length) {
    throw new OperatorError(`The server answered with ${answers.length} results for ${sent.length} rows.`);
  }
  let next = 0;
  return batch.map(({ place, sent: row }) => ({
    place,
    result: row instanceof Refusal ? row : resultOf(row, answers[next++]),
  }));
}

async function send(
  rows: readonly SentRow[],
  { operate, isDryRun, pause }: ServerImport,
): Promise<readonly RowAnswer[]> {
  // A server of an older release doesn't know the member, and would refuse it.
  const body = { rows, ...(isDryRun && { dry_run: true }) };
  return (await untilTaken(() => operate("importUsers", { body }), pause)).data.rows;
}

/** Asks again and again while the server is there and can't answer now. */
async function untilTaken<Answer>(ask: () => Promise<Answer>, pause: ServerImport["pause"]): Promise<Answer> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      const isBusy = error instanceof Refusal && ["unavailable", "rate_limited"].includes(error.code);
      if (!isBusy || tries === TRIES_MAX) throw error;
      await pause(Math.min(PAUSE_SECONDS_MAX, error.detail.retryAfterSeconds ?? 1) * 1000);
    }
  }
}

function resultOf(row: SentRow, answer: RowAnswer | undefined): RowOutcome<unknown>["result"] {
  const { outcome, code = null, message = null } = answer ?? {};
  switch (outcome) {
    case "created":
      return { outcome, addsKey: row.public_key !== undefined };
    case "key_added":
      return { outcome, addsKey: true };
    case "unchanged":
      return { outcome, addsKey: false };
    case "refused":
      return new Refusal((code ?? "failed") as Refusal["code"], inertMessage(message ?? "The server refuses the row."));
    default:
      throw new OperatorError("The server answered with an outcome that this release doesn't know.");
  }
}

/** Adds how far the import got. It may be repeated in any case, also where it isn't known what became of a request. */
function withProgress(error: unknown, rows: number, isDryRun: boolean): unknown {
  if (!(error instanceof Refusal || error instanceof OperatorError)) return error;
  const outlook = isDryRun
    ? `${rows} rows were examined before that, and nothing was changed.`
    : `${rows} rows were done before that. To import the file again does no harm: what is there counts as unchanged.`;
  const message = `${error.message.replace(DOUBT, "")} ${outlook}`;
  return error instanceof Refusal ? new Refusal(error.code, message, error.detail) : new OperatorError(message);
}

/** Makes a function that tells whether there is an account, by one question for each. */
export function createAccountLookup({
  operate,
  pause,
}: Pick<ServerImport, "operate" | "pause">): (shortname: string) => Promise<boolean> {
  const known = new Map<string, boolean>();
  const lookUp = async (shortname: string) => {
    // A name that no account has may be none that an address can have.
    if (!isName(shortname)) return false;
    try {
      await untilTaken(() => operate("getAccount", { params: { shortname } }), pause);
      return true;
    } catch (error) {
      if (error instanceof Refusal && error.code === "not_found") return false;
      throw error;
    }
  };
  return async (shortname) => {
    const found = known.get(shortname) ?? (await lookUp(shortname));
    known.set(shortname, found);
    return found;
  };
}
