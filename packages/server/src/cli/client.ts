import { type KeyObject, sign } from "node:crypto";
import { type Envelope, REFRESH_PATH, type TokenGrant } from "@countersign/protocol";
import { errorCode } from "../platform/error-code.ts";
import { OperatorError } from "../core/operator-error.ts";

/** How long to wait for an answer, in milliseconds. */
const ANSWER_TIMEOUT_MS = 10_000;

/** The codes of a certificate from an authority that isn't known here. */
const UNTRUSTED_CERTIFICATE: ReadonlySet<string> = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

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
  const url = `${baseUrl.replace(/\/+$/, "")}${REFRESH_PATH}${ttl === undefined ? "" : `?ttl=${encodeURIComponent(ttl)}`}`;
  let answer: Response;
  try {
    answer = await fetch(url, {
      headers: { authorization: `JWT ${assertion}` },
      redirect: "error",
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    const code = cause instanceof Error ? errorCode(cause) : "no answer";
    const advice = UNTRUSTED_CERTIFICATE.has(code)
      ? "Its certificate isn't trusted here: name the file of its authority in the variable NODE_EXTRA_CA_CERTS."
      : "Is the service running there?";
    throw new OperatorError(`${baseUrl} can't be reached (${code}). ${advice}`);
  }
  const envelope: unknown = await answer.json().catch(() => undefined);
  if (!isEnvelope(envelope)) {
    throw new OperatorError(
      `${baseUrl} answered ${answer.status}, but the answer isn't from this service. Is the address right?`,
    );
  }
  return { status: answer.status, envelope };
}

/** Checks the answer's form: another program may be listening at the address. */
function isEnvelope(value: unknown): value is ExchangeAnswer["envelope"] {
  const isObject = (part: unknown): part is Record<string, unknown> => typeof part === "object" && part !== null;
  if (!isObject(value) || !isObject(value["meta"]) || !isObject(value["data"])) return false;
  const { errors, warnings } = value["meta"];
  const hasTexts = (items: unknown) =>
    Array.isArray(items) && items.every((item: unknown) => isObject(item) && typeof item["message"] === "string");
  const { token } = value["data"];
  return (
    hasTexts(errors) &&
    hasTexts(warnings) &&
    (token === undefined || (typeof token === "string" && /^[\x21-\x7e]+$/.test(token)))
  );
}
