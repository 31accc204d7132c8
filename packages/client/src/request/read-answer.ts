/**
 * Reads the service's answers. They are untrusted: every member is checked before use, and their texts are made safe for
 * the application's log.
 */
import { type ErrorItem, REFUSAL_CODES, type RefusalCode } from "@countersign/protocol";
import { CountersignError, type ErrorCode } from "../countersign-error.ts";
import { parseRetryAfter } from "./backoff.ts";

type Members = Readonly<Record<string, unknown>>;

/** An answer with the form of the service's. */
export interface Answer {
  readonly status: number;
  readonly data: Members;
  readonly meta: Members;
  /** A text of it, made fit for a log; `undefined` for anything but a text. */
  readonly words: (value: unknown) => string | undefined;
}

/** Reads what a successful answer holds; `undefined` where it isn't the one that was asked for. */
export type AnswerReader<Result> = (answer: Answer) => Result | undefined;

/** Longest answer that is read, in bytes. The service's own answers have about 400. */
export const ANSWER_BYTES_MAX = 65_536;

const WORDS_CHARACTERS_MAX = 500;

/** Shortest run of a secret's characters that is removed when an answer repeats it. */
const SECRET_PIECE_CHARACTERS = 12;

/**
 * Reads an answer.
 *
 * @param secrets what was sent, such as an assertion; no part of it appears in an error
 * @throws {CountersignError} the server's code, or `refusal_unknown`, or `answer_unexpected`
 */
export async function readAnswer<Result>(
  response: Response,
  secrets: readonly string[],
  nowMs: number,
  read: AnswerReader<Result>,
): Promise<Result> {
  const { status } = response;
  const about = {
    status: status === 0 ? undefined : status,
    requestId: requestIdOf(response),
    retryAfterSeconds: parseRetryAfter(response.headers, nowMs),
  };
  const unexpected = (what: string, hint: string) =>
    new CountersignError("answer_unexpected", what, { ...about, hint });

  if (response.type === "opaqueredirect" || (status >= 300 && status < 400)) {
    await discardBody(response);
    throw unexpected(
      "The service's address answers with a redirect, which isn't followed: the assertion is for the service alone.",
      "Set baseUrl to the address that it leads to, such as https instead of http.",
    );
  }
  const body = await readBody(response);
  if (body === undefined) {
    throw unexpected(
      "The answer is longer than any of this service's.",
      "Check baseUrl: something else answers there.",
    );
  }
  const { meta, data } = membersOf(parseJson(body));
  const words = (value: unknown) => wordsOf(value, secrets);
  const result = read({ status, data: membersOf(data), meta: membersOf(meta), words });
  if (result !== undefined) return result;
  const [first] = listOf(membersOf(meta)["errors"]);
  const { code, message, hint } = membersOf(first) as Partial<Record<keyof ErrorItem, unknown>>;
  if (status < 400 || typeof code !== "string") {
    throw unexpected(
      `An answer with status ${status} came that isn't this service's.`,
      status >= 500
        ? "A proxy before the service may have answered."
        : "Check baseUrl: something else may answer there.",
    );
  }
  const known = isRefusalCode(code) ? code : undefined;
  const text = words(message) ?? "The service refused the request.";
  throw new CountersignError(
    (known ?? "refusal_unknown") satisfies ErrorCode,
    known === undefined ? `${words(code)}: ${text}` : text,
    { ...about, hint: words(hint) },
  );
}

/** Releases the connection of an answer that isn't read. */
export async function discardBody(response: Response): Promise<void> {
  try {
    await response.body?.cancel();
  } catch {
    // It broke already, or the body is being read: there is nothing to release.
  }
}

/** The body as text; `undefined` where it is longer than {@link ANSWER_BYTES_MAX}. */
async function readBody(response: Response): Promise<string | undefined> {
  if (response.body === null) return "";
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (;;) {
    const { value } = (await reader.read()) as { value?: Uint8Array };
    if (value === undefined) return text + decoder.decode();
    bytes += value.length;
    if (bytes > ANSWER_BYTES_MAX) {
      // Not awaited: the sender may never stop.
      reader.cancel().catch(() => undefined);
      return undefined;
    }
    text += decoder.decode(value, { stream: true });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The members of an object; none of anything else. */
export function membersOf(value: unknown): Members {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/** The items of an array; none of anything else. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isRefusalCode(code: string): code is RefusalCode {
  return (REFUSAL_CODES as readonly string[]).includes(code);
}

/** The server's words for a log: without control characters, of bounded length, and without pieces of the secrets. */
function wordsOf(value: unknown, secrets: readonly string[]): string | undefined {
  if (typeof value !== "string" || value === "") return undefined;
  return value
    .slice(0, WORDS_CHARACTERS_MAX)
    .replaceAll(/\p{C}/gu, " ")
    .replaceAll(/[\w-]+/g, (word) => (secrets.some((secret) => sharePiece(secret, word)) ? "[…]" : word));
}

/** Whether a secret and a word share a run of {@link SECRET_PIECE_CHARACTERS} characters. */
function sharePiece(secret: string, word: string): boolean {
  for (let at = 0; at + SECRET_PIECE_CHARACTERS <= word.length; at++) {
    if (secret.includes(word.slice(at, at + SECRET_PIECE_CHARACTERS))) return true;
  }
  return false;
}

function requestIdOf(response: Response): string | undefined {
  const id = response.headers.get("x-request-id") ?? "";
  return /^[\w.:-]{1,128}$/.test(id) ? id : undefined;
}
