import type { WarningItem } from "@countersign/protocol";
import type { Exchange } from "../../core/exchange.ts";
import type { Grant } from "../../core/issue-token.ts";
import { Refusal } from "../../core/refusal.ts";
import { headersWith, jsonHeaders, type WrittenAnswer } from "../server/answers.ts";
import { createEndpoint, type EndpointSurroundings, type PlainEndpoint } from "../server/endpoint.ts";
import type { DelayRejection } from "./delay-rejection.ts";
import type { RefusalLimit } from "../server/refusal-limit.ts";

const ALLOW = "GET, OPTIONS";

/** `GET /api/auth/v0/refresh/`: the exchange. The request's body, `Accept` and `Content-Type` are ignored. */
export function createExchangeEndpoint(
  exchange: Exchange,
  limit: RefusalLimit,
  delayRejection: DelayRejection,
  surroundings: EndpointSurroundings,
): PlainEndpoint {
  return createEndpoint(
    "exchange",
    surroundings,
    (context) => {
      const { request, requestId } = context;
      if (request.method === "OPTIONS") return optionsAnswer(requestId);
      if (request.method !== "GET") {
        throw new Refusal("method_not_allowed", "The exchange takes GET.", { allow: ALLOW });
      }
      const address = context.clientAddress();
      limit.check(address);
      const ttl = ttlValues(request.url ?? "");
      return delayRejection(async () => {
        const grant = await exchange({
          authorization: request.headers.authorization,
          ttl,
          client: address,
          findSource: () => surroundings.clientSource.find(request),
        });
        surroundings.metrics.tokenIssued();
        surroundings.log.debug({ request_id: requestId, route: "exchange", key_id: grant.keyId }, "token issued");
        return grantAnswer(grant, requestId);
      });
    },
    {
      onRefused: (context) => limit.count(context.clientAddress()),
    },
  );
}

function optionsAnswer(requestId: string): WrittenAnswer {
  return { status: 204, headers: headersWith(requestId, "Allow", ALLOW), body: "" };
}

function grantAnswer(grant: Grant, requestId: string): WrittenAnswer {
  const body = grantBody(grant);
  return { status: 200, headers: jsonHeaders(requestId, body), body };
}

/**
 * The envelope of a grant, with its members in the documented order. It isn't made by `JSON.stringify`, which can't write times
 * with exactly six decimals.
 */
function grantBody(grant: Grant): string {
  const { token, ttlSeconds } = grant;
  const warnings: readonly WarningItem[] = grant.warnings;
  const issuedAt = decimalSeconds(grant.issuedAtMicroseconds);
  const expiresAt = decimalSeconds(grant.expiresAtMicroseconds);
  return (
    `{"meta":{"code":200,"errors":[],"warnings":${warnings.length === 0 ? "[]" : JSON.stringify(warnings)}},` +
    `"data":{"issued_at":${issuedAt},"token":"${token}","expires_in":${ttlSeconds},"expires_at":${expiresAt}}}`
  );
}

function decimalSeconds(microseconds: number): string {
  const seconds = Math.floor(microseconds / 1e6);
  return `${seconds}.${String(microseconds - seconds * 1e6).padStart(6, "0")}`;
}

const NO_TTL: readonly string[] = [];

/** Every value of the query parameter `ttl`; other parameters are ignored. */
function ttlValues(target: string): readonly string[] {
  const question = target.indexOf("?");
  return question < 0 ? NO_TTL : new URLSearchParams(target.slice(question + 1)).getAll("ttl");
}
