/**
 * Single sign-on. A browser comes here by itself, not the console's code: all answers redirect to a page of the console, or to the
 * identity provider.
 */
import { ADMIN_PATH } from "@countersign/protocol";
import type { SignInFlow, SingleSignOn } from "../../../core/operators/single-sign-on.ts";
import { CHALLENGE_MS } from "../../../core/operators/challenges.ts";
import { Refusal } from "../../../core/refusal.ts";
import { publicRefusal } from "../../server/answers.ts";
import type { AdminRequest, HandlersOf } from "../http/handlers.ts";
import type { Origins } from "../http/origins.ts";
import { setSessionCookie } from "../http/session-cookie.ts";
import { guardSignIn, type SignInGuard, signInPlace } from "../sign-in/guard-sign-in.ts";
import type { singleSignOnRoutes } from "./routes.ts";

export interface SingleSignOnHandlerDependencies extends SignInGuard {
  readonly origins: Origins;
  /** `undefined` without an identity provider. */
  readonly singleSignOn: SingleSignOn | undefined;
}

const CALLBACK_PATH = `${ADMIN_PATH}/sign-in/single-sign-on/callback`;

/** What the cookie holds while the browser is at the identity provider. */
interface KeptFlow extends SignInFlow {
  readonly returnTo: string;
}

export function createSingleSignOnHandlers(
  dependencies: SingleSignOnHandlerDependencies,
): HandlersOf<typeof singleSignOnRoutes> {
  const { singleSignOn, origins, log } = dependencies;
  const { consoleUrl, isSecure } = origins;
  // A proxy may serve the console under a path of its own.
  const base = new URL(consoleUrl).pathname.replace(/\/$/, "");
  const cookieName = ({ host }: AdminRequest) =>
    `${isSecure ? "__Secure-" : ""}countersign_single_sign_on_${origins.cookieSuffix(host)}`;
  // Lax, because the provider's page redirects back here.
  const attributes = { path: base + CALLBACK_PATH, httpOnly: true, sameSite: "lax", secure: isSecure } as const;

  const redirect = ({ reply }: AdminRequest, url: string) =>
    reply.header("Referrer-Policy", "no-referrer").redirect(url, 302);

  /** A refusal redirects to the sign-in page, which shows what was wrong by the refusal's code. */
  async function redirectRefused(request: AdminRequest, work: () => Promise<ReturnType<typeof redirect>>) {
    try {
      return await guardSignIn(dependencies, request, work);
    } catch (error) {
      if (!(error instanceof Refusal)) log.error({ request_id: request.requestId, err: error }, "request failed");
      const { code } = publicRefusal(error, request.requestId);
      const parameters = new URLSearchParams({ error: code, request: request.requestId });
      return redirect(request, `${base}/sign-in?${parameters.toString()}`);
    }
  }

  return {
    startSingleSignOn: (request) =>
      redirectRefused(request, async () => {
        const { url, flow } = await requireProvider(singleSignOn).start(
          consoleUrl + CALLBACK_PATH,
          request.query.fresh,
        );
        const kept: KeptFlow = { ...flow, returnTo: consolePath(request.query.return_to) };
        request.reply.setCookie(cookieName(request), Buffer.from(JSON.stringify(kept)).toString("base64url"), {
          ...attributes,
          maxAge: CHALLENGE_MS / 1000,
        });
        return redirect(request, url);
      }),

    finishSingleSignOn: (request) =>
      redirectRefused(request, async () => {
        // Whatever the outcome, this flow is over.
        request.reply.clearCookie(cookieName(request), attributes);
        const provider = requireProvider(singleSignOn);
        const kept = parseFlow(request.cookies[cookieName(request)]);
        if (kept === undefined) {
          throw new Refusal(
            "single_sign_on_failed",
            "This browser didn't start the sign-in, or started it too long ago.",
          );
        }
        const { returnTo, ...flow } = kept;
        const query = request.target.slice(request.target.indexOf("?"));
        const callbackUrl = new URL(consoleUrl + CALLBACK_PATH + (query.startsWith("?") ? query : ""));
        const { secret } = await provider.finish(callbackUrl, flow, signInPlace(request, origins));
        setSessionCookie(request.reply, { origins, host: request.host }, secret);
        return redirect(request, base + returnTo);
      }),
  };
}

function requireProvider(singleSignOn: SingleSignOn | undefined): SingleSignOn {
  if (singleSignOn === undefined) {
    throw new Refusal("single_sign_on_failed", "There is no identity provider; COUNTERSIGN_OIDC_ISSUER names one.");
  }
  return singleSignOn;
}

/** The cookie is untrusted: a browser may send anything. */
function parseFlow(text: string | undefined): KeptFlow | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text ?? "", "base64url").toString("utf8"));
    if (typeof value !== "object" || value === null) return undefined;
    const { state, nonce, codeVerifier, returnTo, isFresh } = value as Readonly<Record<string, unknown>>;
    if (typeof state !== "string" || typeof nonce !== "string") return undefined;
    if (typeof codeVerifier !== "string" || typeof returnTo !== "string") return undefined;
    return { state, nonce, codeVerifier, returnTo: consolePath(returnTo), isFresh: isFresh === true };
  } catch {
    return undefined;
  }
}

const NOWHERE = "http://console.invalid";

/**
 * The page to open after the sign-in: a page of the console, with its query and fragment, however a browser parses it.
 * Anything else gives the first page.
 */
export function consolePath(text: string | undefined): string {
  if (text === undefined || !/^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/.test(text) || !URL.canParse(text, NOWHERE)) return "/";
  const { origin, pathname, search, hash } = new URL(text, NOWHERE);
  // Dots may have gone: /.//evil.example has become //evil.example.
  const isPage = origin === NOWHERE && !pathname.startsWith("//") && !/^\/api(\/|$)/i.test(pathname);
  return isPage ? pathname + search + hash : "/";
}
