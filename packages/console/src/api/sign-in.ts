import { useQuery } from "@tanstack/react-query";
import { askForData, client, type DataOf } from "./client.ts";
import type { Me } from "./me.ts";

/** How one can sign in here. */
export type SignInOptions = DataOf<"getSignInOptions">;
/** What a one-time link is for. */
export type LinkPurpose = DataOf<"lookAtLink">;

export function useSignInOptions() {
  return useQuery({
    queryKey: ["sign-in options"],
    queryFn: ({ signal }) =>
      askForData((signal) => client.GET("/api/admin/v1/sign-in/options", { signal }), { signal, isSigningIn: true }),
  });
}

const signingIn = { isSigningIn: true } as const;

export function signInByPassword(email: string, password: string): Promise<Me> {
  const body = { email, password };
  return askForData((signal) => client.POST("/api/admin/v1/sign-in/password", { body, signal }), signingIn);
}

export function signInByRecoveryCode(email: string, code: string): Promise<Me> {
  const body = { email, code };
  return askForData((signal) => client.POST("/api/admin/v1/sign-in/recovery-code", { body, signal }), signingIn);
}

/**
 * Asks the authenticator, then the server.
 *
 * @param isAutofill offers passkeys in the e-mail field instead of in a dialog, and waits until one is chosen there
 * @param isWanted asked last before the authenticator is: beginning anew would end what somebody began meanwhile by a click
 * @throws {ApiError} and whatever the authenticator throws; see `passkeyProblem`
 */
export async function signInByPasskey({ isAutofill = false, isWanted = (): boolean => true } = {}): Promise<Me> {
  const [{ startAuthentication }, { options }] = await Promise.all([
    import("@simplewebauthn/browser"),
    askForData((signal) => client.POST("/api/admin/v1/sign-in/passkey/options", { signal }), signingIn),
  ]);
  if (!isWanted()) throw new DOMException("Somebody began otherwise.", "AbortError");
  const response = await startAuthentication({
    optionsJSON: options as unknown as Parameters<typeof startAuthentication>[0]["optionsJSON"],
    useBrowserAutofill: isAutofill,
  });
  const body = { response: { ...response } };
  return askForData((signal) => client.POST("/api/admin/v1/sign-in/passkey", { body, signal }), signingIn);
}

/** @param token the link's secret */
export function lookAtLink(token: string): Promise<LinkPurpose> {
  return askForData((signal) => client.POST("/api/admin/v1/links/look", { body: { token }, signal }), signingIn);
}

/** What a new passkey is made from, for whoever has a one-time link. @param email for the set-up link alone */
export async function makeLinkPasskey(token: string, email: string | undefined): Promise<NewPasskey> {
  const body = { token, ...(email === undefined ? {} : { email }) };
  const { options } = await askForData(
    (signal) => client.POST("/api/admin/v1/links/passkey/options", { body, signal }),
    signingIn,
  );
  return makePasskey(options);
}

/** Uses the link up. @returns the recovery codes, which nothing shows again */
export async function acceptLink(
  token: string,
  answer: { readonly email?: string; readonly password?: string; readonly passkey?: NewPasskey },
): Promise<readonly string[]> {
  const body = { token, ...answer };
  const data = await askForData((signal) => client.POST("/api/admin/v1/links/use", { body, signal }), signingIn);
  return data.recovery_codes;
}

/** A passkey as the API takes it. */
export interface NewPasskey {
  response: Record<string, unknown>;
  label?: string;
}

/** Has the authenticator make a passkey. @param options what the API said navigator.credentials.create takes */
export async function makePasskey(options: unknown, label?: string): Promise<NewPasskey> {
  const { startRegistration } = await import("@simplewebauthn/browser");
  const response = await startRegistration({
    optionsJSON: options as Parameters<typeof startRegistration>[0]["optionsJSON"],
  });
  return { response: { ...response }, ...(label === undefined ? {} : { label }) };
}

/**
 * What went wrong with a passkey, in words; `undefined` where somebody simply closed the browser's dialog, which needs no message.
 */
export function passkeyProblem(error: unknown): Error | undefined {
  const { name = "" } = error instanceof Error ? error : {};
  if (name === "AbortError") return undefined;
  if (name === "NotAllowedError") {
    return new Error(
      "The browser didn't use a passkey: it was cancelled, timed out, or there is none for this address.",
    );
  }
  if (name === "InvalidStateError") return new Error("This device has a passkey for you here already.");
  if (name === "SecurityError") {
    return new Error("Passkeys don't work at this address: they need a host name, and https unless it is localhost.");
  }
  return error instanceof Error ? error : new Error("The passkey couldn't be used.");
}
