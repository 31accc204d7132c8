import { createHash, type KeyObject, verify } from "node:crypto";
import type { Fetch } from "../surroundings.ts";

/** One request to the exchange, taken apart. */
export interface SeenRequest {
  readonly url: string;
  readonly assertion: string;
  readonly header: Record<string, unknown>;
  readonly claims: { readonly username: string; readonly iat: number };
  readonly init: RequestInit;
}

/** What to answer; a function may wait, or throw as a broken network does. */
export type Reply = Response | Error | ((seen: SeenRequest) => Response | Promise<Response>);

export interface FakeService {
  readonly fetch: Fetch;
  readonly seen: SeenRequest[];
  /** What comes next. After the last one, tokens are granted: `token-1`, `token-2` … by the number of the request. */
  readonly replies: Reply[];
}

/** An exchange without a network, whose every answer a test decides. */
export function fakeService(...replies: Reply[]): FakeService {
  const seen: SeenRequest[] = [];
  return {
    seen,
    replies,
    async fetch(input, init = {}) {
      const authorization = new Headers(init.headers).get("authorization") ?? "";
      const assertion = authorization.replace(/^JWT /, "");
      const [header = "", claims = ""] = assertion.split(".");
      const request: SeenRequest = {
        url: new Request(input).url,
        assertion,
        header: parsePart(header) as SeenRequest["header"],
        claims: parsePart(claims) as SeenRequest["claims"],
        init,
      };
      seen.push(request);
      const reply = replies.shift() ?? granted(`token-${seen.length}`);
      if (reply instanceof Error) throw reply;
      return typeof reply === "function" ? await reply(request) : reply;
    },
  };
}

function parsePart(part: string): unknown {
  return JSON.parse(Buffer.from(part, "base64url").toString());
}

export function granted(token: string, expiresIn: unknown = 3600): Response {
  return Response.json({
    meta: { code: 200, errors: [], warnings: [] },
    data: { issued_at: 1, token, expires_in: expiresIn, expires_at: 3601 },
  });
}

/** A refusal in the envelope. */
export function refused(
  status: number,
  code: string,
  options: { message?: string; hint?: string; headers?: Record<string, string> } = {},
): Response {
  const { message = `Refused: ${code}.`, hint = "Do something.", headers = {} } = options;
  return Response.json(
    { meta: { code: status, errors: [{ code, message, hint, docs: "https://x" }], warnings: [] }, data: {} },
    { status, headers: { "X-Request-Id": "req-1", ...headers } },
  );
}

/** Whether the assertion was signed with the private half of this key, by RS256. */
export function isSignedBy(assertion: string, publicKey: KeyObject, digest = "sha256"): boolean {
  const [header = "", claims = "", signature = ""] = assertion.split(".");
  return verify(digest, Buffer.from(`${header}.${claims}`), publicKey, Buffer.from(signature, "base64url"));
}

/** A public key's RFC 7638 thumbprint. */
export function thumbprintOf(publicKey: KeyObject): string {
  const { e, n } = publicKey.export({ format: "jwk" });
  return createHash("sha256").update(`{"e":"${e}","kty":"RSA","n":"${n}"}`).digest("base64url");
}
