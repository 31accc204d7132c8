/** Signing in, and using a one-time link: requests that need no session. */
import { useQuery } from "@tanstack/react-query";
import { requestData, client, type DataOf } from "./client.ts";
import type { Me } from "./me.ts";
import { t } from "../text/t.ts";

/** Available sign-in methods. */
export type SignInOptions = DataOf<"getSignInOptions">;
/** What a one-time link is for. */
export type LinkPurpose = DataOf<"lookAtLink">;

export function useSignInOptions() {
  return useQuery({
    queryKey: ["sign-in options"],
    queryFn: ({ signal }) =>
      requestData((signal) => client.GET("/api/admin/v1/sign-in/options", { signal }), { signal, isSigningIn: true }),
  });
}

const signingIn = { isSigningIn: true } as const;

export function signInByPassword(email: string, password: string): Promise<Me> {
  const body = { email, password };
  return requestData((signal) => client.POST("/api/admin/v1/sign-in/password", { body, signal }), signingIn);
}

export function signInByRecoveryCode(email: string, code: string): Promise<Me> {
  const body = { email, code };
  return requestData((signal) => client.POST("/api/admin/v1/sign-in/recovery-code", { body, signal }), signingIn);
}

/**
 * Asks the authenticator, then the server.
 *
 * @param isAutofill offers passkeys in the e-mail field instead of a dialog, and waits until the operator chooses one
 * @param isWanted checked right before asking the authenticator: asking would cancel a sign-in that a click has started
 * @throws {ApiError} and what the authenticator throws; see `passkeyProblem`
 */
export async function signInByPasskey({ isAutofill = false, isWanted = (): boolean => true } = {}): Promise<Me> {
  const [{ startAuthentication }, { options }] = await Promise.all([
    import("@simplewebauthn/browser"),
    requestData((signal) => client.POST("/api/admin/v1/sign-in/passkey/options", { signal }), signingIn),
  ]);
  if (!isWanted()) throw new DOMException("Another sign-in has started.", "AbortError");
  const response = await startAuthentication({
    optionsJSON: options as unknown as Parameters<typeof startAuthentication>[0]["optionsJSON"],
    useBrowserAutofill: isAutofill,
  });
  const body = { response: { ...response } };
  return requestData((signal) => client.POST("/api/admin/v1/sign-in/passkey", { body, signal }), signingIn);
}

/** @param token the link's secret */
export function lookAtLink(token: string): Promise<LinkPurpose> {
  return requestData((signal) => client.POST("/api/admin/v1/links/look", { body: { token }, signal }), signingIn);
}

/** Creates a passkey for a one-time link. @param email only for the set-up link */
export async function makeLinkPasskey(token: string, email: string | undefined): Promise<NewPasskey> {
  const body = { token, ...(email === undefined ? {} : { email }) };
  const { options } = await requestData(
    (signal) => client.POST("/api/admin/v1/links/passkey/options", { body, signal }),
    signingIn,
  );
  return makePasskey(options);
}

/** Uses the link, which works once. @returns the recovery codes, which can't be shown again */
export async function acceptLink(
  token: string,
  answer: { readonly email?: string; readonly password?: string; readonly passkey?: NewPasskey },
): Promise<readonly string[]> {
  const body = { token, ...answer };
  const data = await requestData((signal) => client.POST("/api/admin/v1/links/use", { body, signal }), signingIn);
  return data.recovery_codes;
}

/** A new passkey as the API accepts it. */
export interface NewPasskey {
  response: Record<string, unknown>;
  label?: string;
}

/** Has the authenticator create a passkey. @param options from the API, for navigator.credentials.create */
export async function makePasskey(options: unknown, label?: string): Promise<NewPasskey> {
  const { startRegistration } = await import("@simplewebauthn/browser");
  const response = await startRegistration({
    optionsJSON: options as Parameters<typeof startRegistration>[0]["optionsJSON"],
  });
  return { response: { ...response }, ...(label === undefined ? {} : { label }) };
}

/**
 * Explains a failed passkey; `undefined` if the browser's dialog was cancelled, which needs no message.
 */
export function passkeyProblem(error: unknown): Error | undefined {
  const { name = "" } = error instanceof Error ? error : {};
  if (name === "AbortError") return undefined;
  if (name === "NotAllowedError") {
    return new Error(t("signIn.noPasskeyUsed"));
  }
  if (name === "InvalidStateError") return new Error(t("signIn.hasPasskey"));
  if (name === "SecurityError") {
    return new Error(t("signIn.noPasskeysHere"));
  }
  return error instanceof Error ? error : new Error(t("signIn.passkeyFailed"));
}
