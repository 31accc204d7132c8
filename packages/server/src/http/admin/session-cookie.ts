import type { FastifyReply } from "fastify";

/**
 * The cookie that holds a session's secret. Over TLS it is a `__Host-` cookie (RFC 6265bis §4.1.3.2): no other host, path or
 * unencrypted connection gets or sets it. Strict: no other site's link or form carries it.
 */
function cookieName(isSecure: boolean): string {
  return isSecure ? "__Host-countersign_session" : "countersign_session";
}

export function readSessionCookie(
  cookies: Readonly<Record<string, string | undefined>>,
  isSecure: boolean,
): string | undefined {
  return cookies[cookieName(isSecure)];
}

/** Ends with the browser, at the latest; the session itself has ends of its own. */
export function setSessionCookie(reply: FastifyReply, isSecure: boolean, secret: string): void {
  reply.setCookie(cookieName(isSecure), secret, { ...ATTRIBUTES, secure: isSecure });
}

export function clearSessionCookie(reply: FastifyReply, isSecure: boolean): void {
  reply.clearCookie(cookieName(isSecure), { ...ATTRIBUTES, secure: isSecure });
}

const ATTRIBUTES = { path: "/", httpOnly: true, sameSite: "strict" } as const;
