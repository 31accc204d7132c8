/**
 * Reads the answer to an exchange. It is untrusted: every member is checked before use, and its text is made safe for the
 * application's log.
 */
import { type ErrorItem, REFUSAL_CODES, type RefusalCode, TTL_SECONDS_MAX } from "@countersign/protocol";
import { CountersignError, type ErrorCode } from "../countersign-error.ts";
import { parseRetryAfter } from "./backoff.ts";

/** A token, and how long it lives from the moment it was minted, in seconds. */
export interface Grant {
  readonly token: string;
  readonly lifeSeconds: number;
}

/** Longest answer that is read, in bytes. The service's own answers have about 400. */
export const ANSWER_BYTES_MAX = 65_536;

const TOKEN_CHARACTERS_MAX = 4096;
const WORDS_CHARACTERS_MAX = 500;

/** Shortest run of an assertion's characters that is removed when an answer repeats it. */
const SECRET_PIECE_CHARACTERS = 12;

/**
 * Reads an answer.
 *
 * @param assertion what was sent; no part of it appears in an error
 * @throws {CountersignError} the server's code, or `refusal_unknown`, or `answer_unexpected`
 */
export async function readAnswer(response: Response, assertion: string, nowMs: number): Promise<Grant> {
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
  if (status === 200) {
    const { token, expires_in: life } = membersOf(data);
    if (isToken(token) && typeof life === "number" && life > 0) {
      // A token that claims to live for years is still replaced in time.
      return { token, lifeSeconds: Math.min(life, TTL_SECONDS_MAX) };
    }
  }
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
  const text = wordsOf(message, assertion) ?? "The service refused the request.";
  throw new CountersignError(
    (known ?? "refusal_unknown") satisfies ErrorCode,
    known === undefined ? `${wordsOf(code, assertion)}: ${text}` : text,
    { ...about, hint: wordsOf(hint, assertion) },
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

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** What may follow a scheme in a header (RFC 9110 §11.2, token68). */
function isToken(value: unknown): value is string {
  return typeof value === "string" && value.length <= TOKEN_CHARACTERS_MAX && /^[\w.~+/-]+=*$/.test(value);
}

function isRefusalCode(code: string): code is RefusalCode {
  return (REFUSAL_CODES as readonly string[]).includes(code);
}

/** The server's words for a log: without control characters, of bounded length, and without pieces of the assertion. */
function wordsOf(value: unknown, assertion: string): string | undefined {
  if (typeof value !== "string" || value === "") return undefined;
  return value
    .slice(0, WORDS_CHARACTERS_MAX)
    .replaceAll(/\p{C}/gu, " ")
    .replaceAll(/[\w-]+/g, (word) =>
      word.length >= SECRET_PIECE_CHARACTERS && holdsPieceOf(assertion, word) ? "[…]" : word,
    );
}

/** Whether a word and an assertion share a run of {@link SECRET_PIECE_CHARACTERS} characters. */
function holdsPieceOf(assertion: string, word: string): boolean {
  for (let at = 0; at + SECRET_PIECE_CHARACTERS <= word.length; at++) {
    if (assertion.includes(word.slice(at, at + SECRET_PIECE_CHARACTERS))) return true;
  }
  return false;
}

function requestIdOf(response: Response): string | undefined {
  const id = response.headers.get("x-request-id") ?? "";
  return /^[\w.:-]{1,128}$/.test(id) ? id : undefined;
}
