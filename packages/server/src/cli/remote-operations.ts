import { randomUUID } from "node:crypto";
import { ADMIN_PATH, type ErrorItem, type WarningItem, type Weakness } from "@countersign/protocol";
import type { RowFormat } from "../core/bulk/import-row.ts";
import { OperatorError } from "../core/operator-error.ts";
import { Refusal } from "../core/refusal.ts";
import { findMisfit } from "./check-answer.ts";
import { inertJson, inertLines, inertMessage } from "./inert-text.ts";
import {
  UnusableAnswer,
  cursorOf,
  type Operate,
  type OperationAnswer,
  type OperationId,
  type OperationInput,
} from "./operations.ts";
import { unreachable } from "./unreachable.ts";

/** The method and path of each operation; a test compares them with the admin API's routes. */
export const OPERATION_PATHS: Readonly<
  Record<OperationId, `${"GET" | "POST" | "PUT" | "PATCH" | "DELETE"} /${string}`>
> = {
  listAccounts: "GET /accounts",
  createAccount: "POST /accounts",
  getAccount: "GET /accounts/:shortname",
  changeAccount: "PATCH /accounts/:shortname",
  listUsers: "GET /users",
  createUser: "POST /users",
  getUser: "GET /users/:username",
  changeUser: "PATCH /users/:username",
  listAllKeys: "GET /keys",
  getKey: "GET /keys/:id",
  listKeyDescendants: "GET /keys/:id/descendants",
  changeKey: "PATCH /keys/:id",
  listResourceServers: "GET /resource-servers",
  createResourceServer: "POST /resource-servers",
  changeResourceServer: "PATCH /resource-servers/:name",
  rotateResourceServerSecret: "POST /resource-servers/:name/secret",
  listOperators: "GET /operators",
  changeOperator: "PATCH /operators/:id",
  addKey: "POST /users/:username/keys",
  createKeyChallenge: "POST /users/:username/key-challenges",
  checkToken: "POST /check",
  explainAssertion: "POST /explain",
  listAuditEvents: "GET /audit-events",
  getAuditPosition: "GET /audit-events/position",
  verifyAuditChain: "GET /audit-events/chain",
  listSigningKeys: "GET /signing-keys",
  rotateSigningKey: "POST /signing-keys",
  retireSigningKey: "PATCH /signing-keys/:number",
  listNodes: "GET /nodes",
  listAdminTokens: "GET /admin-tokens",
  createAdminToken: "POST /admin-tokens",
  revokeAdminToken: "DELETE /admin-tokens/:id",
  listWebhooks: "GET /webhooks",
  createWebhook: "POST /webhooks",
  changeWebhook: "PATCH /webhooks/:id",
  rotateWebhookSecret: "POST /webhooks/:id/secret",
  testWebhook: "POST /webhooks/:id/test",
  listWebhookDeliveries: "GET /webhooks/:id/deliveries",
  importUsers: "POST /users/import",
  planRegistry: "POST /registry/plan",
  applyRegistry: "PUT /registry",
  getDiagnosis: "GET /doctor",
  getImpact: "GET /impact",
};

/** A server and the token for it. */
export interface RemoteServer {
  /** Without a slash at its end; https, or http to this machine. */
  readonly url: string;
  readonly token: string;
  /** Is the token that of `countersign login`? */
  readonly isSignIn?: boolean;
}

/** A server, and the token for it if there is one. */
type AskedServer = Pick<RemoteServer, "url" | "isSignIn"> & Partial<RemoteServer>;

/** Bounds on one answer: milliseconds until its last byte, and bytes. */
export interface AnswerLimits {
  readonly msMax: number;
  readonly bytesMax: number;
}

const LIMITS: AnswerLimits = { msMax: 60_000, bytesMax: 8 * 1024 * 1024 };

/** Operations that walk a whole log or change thousands of things. The runtime's `fetch` waits at most 300 s for an answer to begin. */
const SLOW: AnswerLimits = { msMax: 290_000, bytesMax: 64 * 1024 * 1024 };
const SLOW_OPERATIONS: ReadonlySet<OperationId> = new Set([
  "verifyAuditChain",
  "importUsers",
  "planRegistry",
  "applyRegistry",
]);

/** How long a download may pause, in milliseconds. */
const DOWNLOAD_PAUSE_MS_MAX = 60_000;

/** Carried out twice, these would do more than once. */
const NOT_REPEATED: ReadonlySet<OperationId> = new Set(["rotateSigningKey", "testWebhook", "applyRegistry"]);

/** What is added where a change may have been made. */
export const DOUBT = " It isn't known whether it did what was asked: check before you try again.";

/** What a server says of a path that it doesn't have. Something that doesn't exist is refused in other words. */
const UNKNOWN_PATH = "There is nothing at this path.";

interface Answer {
  readonly status: number;
  readonly etag: string | undefined;
  /** The seconds of `Retry-After`. */
  readonly retryAfterSeconds: number | undefined;
  readonly envelope: Envelope | undefined;
}

interface Envelope {
  readonly meta: object;
  readonly data: unknown;
}

interface Meta {
  readonly errors: readonly ErrorItem[];
  readonly warnings: readonly WarningItem[];
  readonly next?: string | null;
}

/**
 * Operations by a server's admin API. A creation has an `Idempotency-Key`, so it can be sent once more if its answer is lost. The
 * token goes to this server only: redirects aren't followed.
 *
 * @param loadAnswerSchema the schema of an operation's `data`, by which an answer is checked before a command reads it
 */
export function createRemoteOperations(
  server: RemoteServer,
  loadAnswerSchema: (id: OperationId) => Promise<object>,
  limits: AnswerLimits = LIMITS,
): Operate {
  const operate = async (id: OperationId, input: OperationInput): Promise<OperationAnswer<unknown>> => {
    const [method = "", path = ""] = OPERATION_PATHS[id].split(" ");
    const target = fillPath(path, input.params ?? {}) + queryOf(input.query);
    const key = method === "POST" ? randomUUID() : undefined;
    const itsLimits = SLOW_OPERATIONS.has(id) && limits === LIMITS ? SLOW : limits;
    const sendRequest = () =>
      exchange(
        server,
        { method, target, body: input.body, key, ifMatch: input.ifMatch },
        { ...itsLimits, isVerbatim: input.isVerbatim },
      );
    const envelope = await sendRequest().catch((error: unknown) => {
      if (!(error instanceof LostAnswer)) throw error;
      if (NOT_REPEATED.has(id)) throw new LostAnswer(`${error.message}${error.message.endsWith(DOUBT) ? "" : DOUBT}`);
      // A PATCH or DELETE states the result, and a creation has its key: carried out twice, they change once.
      return sendRequest();
    });
    understand(server, await loadAnswerSchema(id), envelope.data, "/data", method);
    const { meta } = envelope;
    const warnings = meta.warnings.map((warning) => ({ ...warning, message: inertMessage(warning.message) }));
    return { data: envelope.data, warnings, nextCursor: cursorOf(meta.next), etag: envelope.etag };
  };
  return operate as Operate;
}

/**
 * Asks a server for what is no operation of commands, such as a sign-in. It is asked once. @returns `data`
 *
 * @throws {NoAnswer} if it can't be reached; {@link Refusal}; {@link OperatorError}
 */
export async function askServer(server: AskedServer, method: string, target: string, body?: unknown): Promise<unknown> {
  return (await exchange(server, { method, target, body, key: undefined }, LIMITS)).data;
}

/** The server couldn't be reached, or its answer was lost. */
export class NoAnswer extends OperatorError {}

/** The registry as a document; as {@link download}. */
export function downloadRegistry(
  server: RemoteServer,
  query: { readonly format: "json" | "yaml"; readonly account?: string | undefined },
): AsyncGenerator<string> {
  return download(server, `/registry${queryOf(query)}`, `application/${query.format}`);
}

/** API users and their keys as an import takes them; as {@link download}. */
export function downloadUsers(
  server: RemoteServer,
  query: { readonly format: RowFormat; readonly account?: string | undefined },
): AsyncGenerator<string> {
  return download(server, `/users/export${queryOf(query)}`, query.format === "csv" ? "text/csv" : "application/jsonl");
}

/**
 * Downloads a text of any length, in pieces that are safe to print.
 *
 * @param target the path under {@link ADMIN_PATH}, with its query
 * @throws {Refusal} as the admin API refuses it @throws {OperatorError} if it can't be reached, isn't an admin API, pauses for
 *   longer than `pauseMsMax`, or ends before the text does
 */
export async function* download(
  server: RemoteServer,
  target: string,
  mediaType: string,
  pauseMsMax = DOWNLOAD_PAUSE_MS_MAX,
): AsyncGenerator<string> {
  const url = server.url + ADMIN_PATH + target;
  const headers = { authorization: `Bearer ${server.token}`, accept: `application/json, ${mediaType}` };
  const patience = createPatience(pauseMsMax);
  const { signal } = patience;
  const response = await patience.waitFor(send(server, url, { method: "GET", headers, body: null, signal }));
  if (response.status !== 200) {
    const answer = await patience.waitFor(readAnswer(server, response, { method: "GET", bytesMax: LIMITS.bytesMax }));
    understoodAnswer(server, answer, "GET");
    throw notAnAdminApi(server.url, response.status);
  }
  if (response.headers.get("content-type")?.startsWith(mediaType) !== true) {
    await response.body?.cancel();
    throw notAnAdminApi(server.url, response.status);
  }
  const decoder = new TextDecoder();
  // A piece may end between the two characters of a line's end.
  let rest = "";
  const chunks = ((response.body ?? []) as AsyncIterable<Uint8Array, undefined>)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await patience.waitFor(chunks.next());
      const text = rest + decoder.decode(done === true ? undefined : value, { stream: done !== true });
      rest = done !== true && text.endsWith("\r") ? "\r" : "";
      yield inertLines(text.slice(0, text.length - rest.length));
      if (done === true) return;
    }
  } catch (error) {
    if (isTimeout(error)) throw unreachable(server.url, error);
    throw new OperatorError(`${server.url} closed the connection before the end: what came isn't all of it.`);
  } finally {
    await chunks.return?.();
  }
}

/** Aborts what is waited for when it takes longer than so many milliseconds. The time between two waits doesn't count. */
function createPatience(msMax: number) {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    async waitFor<Result>(work: Promise<Result>): Promise<Result> {
      const timer = setTimeout(() => {
        controller.abort(new DOMException("nothing came for too long", "TimeoutError"));
      }, msMax);
      try {
        return await work;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** The answer was lost on its way, so nobody knows whether the server carried the operation out. */
class LostAnswer extends NoAnswer {}

/** The server doesn't accept the token: it is wrong, expired or revoked. */
export class TokenRefused extends UnusableAnswer {}

/** One request. @param asked.target the path under {@link ADMIN_PATH}, with its query @param asked.key the `Idempotency-Key` */
async function exchange(
  server: AskedServer,
  {
    method,
    target,
    body,
    key,
    ifMatch,
  }: {
    readonly method: string;
    readonly target: string;
    readonly body: unknown;
    readonly key: string | undefined;
    readonly ifMatch?: string | undefined;
  },
  reading: Reading,
): Promise<UnderstoodAnswer> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (server.token !== undefined) headers["authorization"] = `Bearer ${server.token}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  if (key !== undefined) headers["idempotency-key"] = key;
  if (ifMatch !== undefined) headers["if-match"] = ifMatch;
  const text = body === undefined ? null : JSON.stringify(body);
  const url = server.url + ADMIN_PATH + target;
  const answer = await request(server, url, { method, headers, body: text }, reading);
  return understoodAnswer(server, answer, method);
}

interface UnderstoodAnswer {
  readonly meta: Meta;
  readonly data: unknown;
  readonly etag: string | undefined;
}

/** The answer if it is one of an admin API and no refusal. @throws {Refusal} @throws {OperatorError} */
function understoodAnswer(server: AskedServer, answer: Answer, method: string): UnderstoodAnswer {
  const { status, etag, envelope } = answer;
  if (envelope === undefined) throw notAnAdminApi(server.url, status);
  const misfit = findMisfit(META, envelope.meta, "/meta");
  if (misfit !== undefined) throw notUnderstood(server.url, misfit, envelope.data, method !== "GET");
  const meta = envelope.meta as Meta;
  if (status >= 400 || meta.errors.length > 0) throw refusalOf(server, answer, meta, envelope.data);
  return { meta, data: envelope.data, etag };
}

/** Checks a part of an answer by its schema. @throws {OperatorError} */
function understand({ url }: AskedServer, schema: object, part: unknown, name: string, method: string): void {
  const misfit = findMisfit(schema, part, name);
  if (misfit !== undefined) throw notUnderstood(url, misfit, part, method !== "GET");
}

/** How an answer is read. */
interface Reading extends AnswerLimits {
  readonly isVerbatim?: true | undefined;
}

interface Sent {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: string | null;
}

async function request(server: AskedServer, url: string, init: Sent, { msMax, ...reading }: Reading): Promise<Answer> {
  const response = await send(server, url, { ...init, signal: AbortSignal.timeout(msMax) });
  return readAnswer(server, response, { method: init.method, ...reading });
}

/** Sends a request and gets the beginning of its answer, which is no redirect. */
async function send(
  { url: base }: AskedServer,
  url: string,
  init: Sent & { readonly signal: AbortSignal },
): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, redirect: "manual" });
  } catch (error) {
    if (isTimeout(error)) throw timedOut(base, error, init.method);
    const { message } = unreachable(base, error);
    throw isLost(error) ? new LostAnswer(message) : new NoAnswer(message);
  }
  const { status } = response;
  if (status >= 300 && status < 400) {
    await response.body?.cancel();
    throw new OperatorError(
      `${base} answers with a redirect, which isn't followed: the admin token is for this address alone. Name the address where the admin API itself is.`,
    );
  }
  return response;
}

async function readAnswer(
  { url: base }: AskedServer,
  response: Response,
  { method, bytesMax, isVerbatim }: Omit<Reading, "msMax"> & { readonly method: string },
): Promise<Answer> {
  const { status } = response;
  const etag = response.headers.get("etag") ?? undefined;
  const retryAfter = response.headers.get("retry-after") ?? "";
  const retryAfterSeconds = /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : undefined;
  const isJson = /^application\/json\b/i.test(response.headers.get("content-type") ?? "");
  if (!isJson) {
    await response.body?.cancel();
    return { status, etag, retryAfterSeconds, envelope: undefined };
  }
  let text: string;
  try {
    text = await readText(response, bytesMax);
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    if (isTimeout(error)) throw timedOut(base, error, method);
    throw new LostAnswer(`${base} closed the connection in the middle of its answer.${DOUBT}`);
  }
  return { status, etag, retryAfterSeconds, envelope: parseEnvelope(text, isVerbatim) };
}

function isTimeout(error: unknown): error is Error {
  return error instanceof Error && error.name === "TimeoutError";
}

function timedOut(base: string, error: Error, method: string): NoAnswer {
  return new NoAnswer(unreachable(base, error).message + (method === "GET" ? "" : DOUBT));
}

function isLost(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  return code === "UND_ERR_SOCKET" || code === "ECONNRESET";
}

/** @throws {OperatorError} if the body is larger than any answer of an admin API */
async function readText(response: Response, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > bytesMax) throw new OperatorError("The server's answer is larger than any of an admin API.");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** @returns `undefined` if the text isn't the envelope of an admin API */
function parseEnvelope(text: string, isVerbatim = false): Envelope | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const { meta, data } = (isVerbatim ? value : inertJson(value)) as Partial<Envelope>;
    return isObject(meta) && isObject(data) ? { meta, data } : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** The forms that the errors and warnings of every answer have. */
const TEXT = { type: "string" } as const;
const ITEMS = {
  type: "array",
  items: { type: "object", properties: { code: TEXT, message: TEXT }, required: ["code", "message"] },
};
const META = {
  type: "object",
  properties: { errors: ITEMS, warnings: ITEMS, next: { type: ["string", "null"] } },
  required: ["errors", "warnings"],
};

function notAnAdminApi(base: string, status: number): OperatorError {
  const message = `What answers at ${base} isn't an admin API (status ${status}). The admin API is on the internal listener, where the console is.`;
  // A gateway answers so while the service behind it is down.
  return status >= 500 ? new NoAnswer(message) : new OperatorError(message);
}

/** @param mayHaveChanged whether the server may have carried out a change */
function notUnderstood(base: string, misfit: string, data: unknown, mayHaveChanged: boolean): UnusableAnswer {
  const doubt = mayHaveChanged ? DOUBT : "";
  return new UnusableAnswer(
    `${base} answered with something that this release doesn't understand: ${misfit}. It may run another release.${doubt}`,
    data,
  );
}

/** The server's refusal, as the same command prints it on a store. @param data what was done before it */
function refusalOf(
  { url: base, isSignIn }: AskedServer,
  { status, retryAfterSeconds }: Pick<Answer, "status" | "retryAfterSeconds">,
  { errors }: Meta,
  data: unknown,
): Error {
  const [first] = errors;
  const message = inertMessage(first?.message ?? "") || `The server refuses this (status ${status}).`;
  const code = shortText(first?.code);
  if (status === 401 && isSignIn === true) {
    return new TokenRefused(
      `The sign-in to ${base} has ended: it expired or was revoked. Run countersign login --admin-url ${base}.`,
      data,
    );
  }
  if (status === 401) {
    return new TokenRefused(
      `${base} doesn't accept the admin token: it is wrong, expired or revoked. An owner makes a new one with countersign admin-token create.`,
      data,
    );
  }
  if (code === "not_found" && message === UNKNOWN_PATH) {
    // The public listener answers an unknown path in the same words.
    return new OperatorError(
      `${base} doesn't know this operation: it is the public listener, or its release is older than this command line's. The admin API is on the internal listener, where the console is.`,
    );
  }
  const fields = errors.flatMap((error) =>
    typeof error.field === "string" ? [{ field: shortText(error.field), message: inertMessage(error.message) }] : [],
  );
  const weakness = shortText(first?.weakness) as Weakness | "";
  return new Refusal((code || "failed") as ErrorItem["code"], message, {
    ...(fields.length > 0 && { fields }),
    ...(weakness !== "" && { weakness }),
    ...(isObject(data) && { data }),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  });
}

function shortText(text: unknown): string {
  return typeof text === "string" ? inertMessage(text) : "";
}

function fillPath(path: string, params: Readonly<Record<string, string | number>>): string {
  return path.replaceAll(/:([a-z]+)/g, (_, name: string) => {
    const value = encodeURIComponent(String(params[name] ?? ""));
    // A URL's parser would take these for steps in the path, even encoded.
    if (value === "" || value === "." || value === "..") throw new OperatorError("There is nothing of that name.");
    return value;
  });
}

function queryOf(query: OperationInput["query"] = {}): string {
  const given = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
  return given.length === 0 ? "" : `?${new URLSearchParams(given).toString()}`;
}
