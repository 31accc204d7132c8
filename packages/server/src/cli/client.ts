import { type KeyObject, sign } from "node:crypto";
import { type Envelope, REFRESH_PATH, type TokenGrant } from "@countersign/protocol";
import { OperatorError } from "../core/operator-error.ts";
import { parseBaseUrl, unreachable } from "./unreachable.ts";

/** How long to wait for an answer, in milliseconds. */
const ANSWER_TIMEOUT_MS = 10_000;

/** Signs an assertion as a client does: RS256, `username` and `iat`. @param privateKey parsed, or its PEM @param nowSeconds since the epoch */
export function signAssertion(username: string, privateKey: KeyObject | string, nowSeconds: number): string {
  const segments = [
    { alg: "RS256", typ: "JWT" },
    { username, iat: nowSeconds },
  ];
  const signingInput = segments.map((segment) => Buffer.from(JSON.stringify(segment)).toString("base64url")).join(".");
  const signature = sign("sha256", Buffer.from(signingInput), privateKey);
  return `${signingInput}.${signature.toString("base64url")}`;
}

/** The exchange's answer. */
export interface ExchangeAnswer {
  readonly status: number;
  readonly envelope: Envelope<Partial<TokenGrant>>;
}

/**
 * Exchanges an assertion over HTTP.
 *
 * @throws {OperatorError} if the service can't be reached, or the answer isn't its envelope
 */
export async function exchangeOverHttp(baseUrl: string, assertion: string, ttl?: string): Promise<ExchangeAnswer> {
  const base = parseBaseUrl("The service's URL", baseUrl, REFRESH_PATH);
  const url = `${base}${REFRESH_PATH}${ttl === undefined ? "" : `?ttl=${encodeURIComponent(ttl)}`}`;
  let answer: Response;
  try {
    answer = await fetch(url, {
      headers: { authorization: `JWT ${assertion}` },
      // Followed by hand at most: the assertion is for this address alone.
      redirect: "manual",
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
  } catch (error) {
    throw unreachable(baseUrl, error);
  }
  if (answer.status >= 300 && answer.status < 400) throw redirected(baseUrl, url, answer.headers.get("location"));
  const envelope = await readBody(answer);
  if (!isEnvelope(envelope)) throw foreignAnswer(baseUrl, answer);
  return { status: answer.status, envelope };
}

async function readBody(answer: Response): Promise<unknown> {
  if (!/json/i.test(answer.headers.get("content-type") ?? "")) {
    await answer.body?.cancel();
    return undefined;
  }
  return answer.json().catch(() => undefined);
}

/** The error for a redirect. Only the origin is repeated: a path may hold anything. */
function redirected(baseUrl: string, from: string, location: string | null): OperatorError {
  const origin = URL.parse(location ?? "", from)?.origin;
  const where = origin === undefined || origin === "null" ? "elsewhere" : `to ${origin}`;
  return new OperatorError(
    `${baseUrl} redirects ${where}, and the assertion isn't sent on. Give the address at which the service itself answers.`,
  );
}

function foreignAnswer(baseUrl: string, { status, headers }: Response): OperatorError {
  const type = /^[a-z]+\/[a-z0-9.+-]{1,40}/i.exec(headers.get("content-type") ?? "")?.[0].toLowerCase();
  const what = type === undefined ? "" : type === "text/html" ? " with a page of HTML" : ` with ${type}`;
  const isGateway = status === 502 || status === 503 || status === 504;
  const advice = isGateway
    ? "A gateway answers in its place, and may not reach it. Is the service running behind it?"
    : status === 404
      ? "Is there a path before /api/auth/ that is missing, or is this another server?"
      : "Is the address right?";
  return new OperatorError(`${baseUrl} answered ${status}${what}, but the answer isn't from this service. ${advice}`);
}

/** Checks the answer's form: another program may be listening at the address. */
function isEnvelope(value: unknown): value is ExchangeAnswer["envelope"] {
  const isObject = (part: unknown): part is Record<string, unknown> => typeof part === "object" && part !== null;
  if (!isObject(value) || !isObject(value["meta"]) || !isObject(value["data"])) return false;
  const { errors, warnings } = value["meta"];
  const hasTexts = (items: unknown) =>
    Array.isArray(items) &&
    items.every(
      (item: unknown) => isObject(item) && typeof item["message"] === "string" && typeof item["code"] === "string",
    );
  const { token } = value["data"];
  return (
    hasTexts(errors) &&
    hasTexts(warnings) &&
    (token === undefined || (typeof token === "string" && /^[\x21-\x7e]+$/.test(token)))
  );
}
