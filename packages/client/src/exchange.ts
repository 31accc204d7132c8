import { ASSERTION_SCHEME, REFRESH_PATH, TTL_SECONDS_MAX } from "@countersign/protocol";
import type { LoadSigningKey } from "./key/load-signing-key.ts";
import type { Call } from "./request/send.ts";
import { type Warning, warningsOf } from "./request/warnings.ts";
import { signAssertion } from "./sign-jws.ts";

/** A token, and how long it lives from the moment it was minted, in seconds. */
export interface Grant {
  readonly token: string;
  readonly lifeSeconds: number;
  readonly warnings: readonly Warning[];
}

const TOKEN_CHARACTERS_MAX = 4096;

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
    read(answer) {
      const { status, data } = answer;
      const { token, expires_in: life } = data;
      if (status !== 200 || !isToken(token) || typeof life !== "number" || !(life > 0)) return undefined;
      // A token that claims to live for years is still replaced in time.
      return { token, lifeSeconds: Math.min(life, TTL_SECONDS_MAX), warnings: warningsOf(answer) };
    },
  };
}

/** What may follow a scheme in a header (RFC 9110 §11.2, token68). */
function isToken(value: unknown): value is string {
  return typeof value === "string" && value.length <= TOKEN_CHARACTERS_MAX && /^[\w.~+/-]+=*$/.test(value);
}
