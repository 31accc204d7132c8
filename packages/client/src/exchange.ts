import { ASSERTION_SCHEME, REFRESH_PATH, TTL_SECONDS_MAX } from "@countersign/protocol";
import type { LoadSigningKey } from "./key/load-signing-key.ts";
import { type Answer, listOf, membersOf } from "./request/read-answer.ts";
import type { Call } from "./request/send.ts";
import { signAssertion } from "./sign-jws.ts";

/** A token, and how long it lives from the moment it was minted, in seconds. */
export interface Grant {
  readonly token: string;
  readonly lifeSeconds: number;
  readonly warnings: readonly Warning[];
}

/** Something to do, although the token was granted: such as to replace a key that expires soon. */
export interface Warning {
  /** Such as `key_expires_soon`. Newer services may send codes that this version doesn't know. */
  readonly code: string;
  readonly message: string;
}

const TOKEN_CHARACTERS_MAX = 4096;

/** Most warnings of one grant that are passed on. */
const WARNINGS_MAX = 16;

/** The exchange of an assertion for a token. */
export function exchangeCall(username: string, ttlSeconds: number, loadSigningKey: LoadSigningKey): Call<Grant> {
  return {
    async begin() {
      const signingKey = await loadSigningKey();
      return async (nowSeconds) => {
        const assertion = await signAssertion(signingKey, username, nowSeconds);
        return {
          target: `${REFRESH_PATH}?ttl=${ttlSeconds}`,
          init: { headers: { Authorization: `${ASSERTION_SCHEME} ${assertion}` } },
          secrets: [assertion],
        };
      };
    },
    read({ status, data, meta, words }) {
      const { token, expires_in: life } = data;
      if (status !== 200 || !isToken(token) || typeof life !== "number" || !(life > 0)) return undefined;
      // A token that claims to live for years is still replaced in time.
      return { token, lifeSeconds: Math.min(life, TTL_SECONDS_MAX), warnings: warningsOf(meta["warnings"], words) };
    },
  };
}

/** What may follow a scheme in a header (RFC 9110 §11.2, token68). */
function isToken(value: unknown): value is string {
  return typeof value === "string" && value.length <= TOKEN_CHARACTERS_MAX && /^[\w.~+/-]+=*$/.test(value);
}

/** The warnings, fit for a log. What isn't a warning is left out: the token is good all the same. */
function warningsOf(items: unknown, words: Answer["words"]): readonly Warning[] {
  return listOf(items)
    .slice(0, WARNINGS_MAX)
    .flatMap((item) => {
      const members = membersOf(item);
      const [code, message] = [words(members["code"]), words(members["message"])];
      return code === undefined || message === undefined ? [] : [{ code, message }];
    });
}
