import type { FastifyReply } from "fastify";
import type { Origins } from "./origins.ts";

/** How a browser reached the console, on which the cookie's name and attributes depend. */
export interface ReachedConsole {
  readonly origins: Pick<Origins, "isSecure" | "cookieSuffix">;
  /** The request's `Host`. */
  readonly host: string;
}

/**
 * The cookie that holds a session's secret. Browsers send a host's cookies to each of its ports (RFC 6265bis §8.5), so the name has
 * the console's port: two consoles on one machine don't sign each other out. Over TLS it is a `__Host-` cookie (RFC 6265bis
 * §4.1.3.2): no other host, path or unencrypted connection gets or sets it. Strict: no other site's link or form carries it.
 */
function cookieName({ origins, host }: ReachedConsole): string {
  return `${origins.isSecure ? "__Host-" : ""}countersign_session_${origins.cookieSuffix(host)}`;
}

export function readSessionCookie(
  cookies: Readonly<Record<string, string | undefined>>,
  reached: ReachedConsole,
): string | undefined {
  return cookies[cookieName(reached)];
}

/** The cookie ends with the browser; the session has time limits of its own. */
export function setSessionCookie(reply: FastifyReply, reached: ReachedConsole, secret: string): void {
  reply.setCookie(cookieName(reached), secret, { ...ATTRIBUTES, secure: reached.origins.isSecure });
}

export function clearSessionCookie(reply: FastifyReply, reached: ReachedConsole): void {
  reply.clearCookie(cookieName(reached), { ...ATTRIBUTES, secure: reached.origins.isSecure });
}

const ATTRIBUTES = { path: "/", httpOnly: true, sameSite: "strict" } as const;
