import { FEED_POSITION_HEADER, INTROSPECTION_PATH, type IntrospectionGrant } from "@countersign/protocol";
import type { Subject } from "./change-history.ts";
import type { Auth } from "./caller.ts";
import type { Clock } from "./clock.ts";
import type { Service } from "./parse-options.ts";
import { isId, isName, parseJsonObject, parseWholeNumber } from "./parse-json.ts";
import { failureName, type ReportProblem } from "./problem.ts";
import { discardBody, readBody, retryAfterSeconds } from "./read-body.ts";
import { createSlots } from "./slots.ts";

/** A good token, as the service described it. */
export interface Grant {
  readonly auth: Auth;
  readonly subject: Subject;
}

/** What the service said of a token. */
export type Answer =
  | {
      readonly kind: "active";
      readonly grant: Grant;
      /** The change feed's position that the answer reflects at least. */
      readonly position: number;
      /** The time on the service's clock (`Date`, to the second, rounded down); `undefined` where it didn't say. */
      readonly serviceWallMs: number | undefined;
    }
  | { readonly kind: "inactive"; readonly position: number }
  | { readonly kind: "undecided"; readonly retryAfterSeconds: number };

/** Asks the service about one token. Never rejects: what isn't an answer is `undecided`. */
export type Introspect = (token: string) => Promise<Answer>;

/** Longest answer that is read, in bytes. A real one has about 300. */
const ANSWER_BYTES_MAX = 16_384;

/**
 * How many questions are under way at once; each takes a connection. The others wait, so that a flood of tokens doesn't
 * become a flood of connections.
 */
export const QUESTIONS_MAX = 100;

/** How long to wait after the service refused these credentials: every refusal counts towards its limit. */
const REFUSED_PAUSE_MS = 1000;

/** The longest pause that a `Retry-After` may ask for, in seconds. */
const PAUSE_SECONDS_MAX = 60;

const UNDECIDED: Answer = { kind: "undecided", retryAfterSeconds: 1 };

/** Error codes of a request on an idle connection that the server had closed: the server hasn't read it. */
const CLOSED_CONNECTION = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"]);

/** @param timeoutMs how long a question may take, from when it is put, waiting included, to the end of its answer */
export function createIntrospect(service: Service, timeoutMs: number, clock: Clock, report: ReportProblem): Introspect {
  const slots = createSlots(QUESTIONS_MAX);
  let pausedUntilMs = -Infinity;

  function pauseFor(ms: number): void {
    pausedUntilMs = Math.max(pausedUntilMs, clock.monotonicMs() + ms);
  }

  async function post(token: string, signal: AbortSignal): Promise<Response> {
    const ask = () =>
      service.fetch(service.baseUrl + INTROSPECTION_PATH, {
        method: "POST",
        headers: {
          authorization: service.authorization,
          "content-type": "application/x-www-form-urlencoded",
          accept: "application/json",
        },
        body: `token=${encodeURIComponent(token)}`,
        // The credentials are for this address only.
        redirect: "manual",
        signal,
      });
    try {
      return await ask();
    } catch (error) {
      // Introspection changes nothing, so it may be repeated.
      if (signal.aborted || !CLOSED_CONNECTION.has(failureName(error))) throw error;
      return await ask();
    }
  }

  function refused(response: Response): Answer {
    const { status } = response;
    discardBody(response);
    const seconds = retryAfterSeconds(response, PAUSE_SECONDS_MAX);
    if (status === 401 || status === 403) pauseFor(REFUSED_PAUSE_MS);
    if (status === 429) pauseFor((seconds ?? 1) * 1000);
    const hint = status === 401 ? ": check clientId and clientSecret, and whether the resource server is active" : "";
    report({ code: "introspection_refused", message: `Introspection answered with status ${status}${hint}.`, status });
    return { kind: "undecided", retryAfterSeconds: Math.max(1, seconds ?? 1) };
  }

  return async (token) => {
    const waitMs = pausedUntilMs - clock.monotonicMs();
    if (waitMs > 0) return { kind: "undecided", retryAfterSeconds: Math.ceil(waitMs / 1000) };
    const controller = new AbortController();
    const cancel = clock.after(timeoutMs, () => controller.abort());
    let leave = () => {};
    try {
      leave = await slots.enter(controller.signal);
      const response = await post(token, controller.signal);
      if (response.status !== 200) return refused(response);
      const answer = parseAnswer(await readBody(response, ANSWER_BYTES_MAX), response.headers);
      if (answer !== undefined) return answer;
      report({
        code: "introspection_unexpected",
        message:
          "What answered at the address of introspection isn't this service, or not a version that this verifier knows.",
        status: 200,
      });
    } catch (error) {
      if (controller.signal.aborted) {
        report({ code: "introspection_timeout", message: `Introspection didn't answer within ${timeoutMs} ms.` });
      } else {
        const message = `Introspection can't be reached (${failureName(error)}).`;
        report({ code: "introspection_unreachable", message });
      }
    } finally {
      cancel();
      leave();
    }
    return UNDECIDED;
  };
}

/** RFC 7662 §2.2, with this service's members. Anything else than expected is no answer: `undefined`. */
export function parseAnswer(body: string | undefined, headers: Headers): Answer | undefined {
  const position = parseWholeNumber(headers.get(FEED_POSITION_HEADER));
  const isJson = /^application\/json *(;|$)/i.test(headers.get("content-type") ?? "");
  const members: Members | undefined = isJson && body !== undefined ? parseJsonObject(body) : undefined;
  if (position === undefined || members === undefined) return undefined;
  if (members.active === false) return { kind: "inactive", position };
  const grant = members.active === true ? parseGrant(members) : undefined;
  return grant && { kind: "active", grant, position, serviceWallMs: parseDate(headers.get("date")) };
}

type Members = { readonly [Member in keyof IntrospectionGrant]?: unknown };

function parseGrant(members: Members): Grant | undefined {
  const { username, account, access, exp: expiresAt, jti: tokenId, user_id: userId, key_id: keyId } = members;
  const isWhole =
    isName(username) && isName(account) && isName(tokenId) && isId(userId) && isId(keyId) && isId(expiresAt);
  if (!isWhole || (access !== "full" && access !== "read_only")) return undefined;
  return {
    auth: Object.freeze({ username, userId, account, access, keyId, expiresAt }),
    subject: { account, username, keyId, tokenId },
  };
}

function parseDate(text: string | null): number | undefined {
  const ms = text === null ? NaN : Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
