/** Operators, one-time links and admin tokens, and the signed-in operator's own credentials and sessions. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import type { Role } from "@countersign/protocol";
import { requestData, requestList, requestVersioned, client, type DataOf, ifMatch, type Versioned } from "./client.ts";
import { makePasskey } from "./sign-in.ts";

export type Operator = DataOf<"getOperator">;
export type Invitation = DataOf<"listInvitations">[number];
export type InvitationWithLink = DataOf<"resetOperator">;
export type AdminToken = DataOf<"revokeAdminToken">;
export type Session = DataOf<"listMySessions">[number];
export type Passkey = DataOf<"listMyPasskeys">[number];

export interface OperatorFilter {
  readonly q?: string;
  readonly role?: Role;
  /** Operators with access to this account. */
  readonly account?: string;
  readonly status?: "active" | "deactivated";
  readonly cursor?: string;
}

export function useOperators(filter: OperatorFilter) {
  return useQuery({
    queryKey: ["operators", filter],
    queryFn: ({ signal }) =>
      requestList((signal) => client.GET("/api/admin/v1/operators", { params: { query: filter }, signal }), { signal }),
    placeholderData: keepPreviousData,
  });
}

export function readOperator(id: number): Promise<Versioned<Operator>> {
  return requestVersioned((signal) => client.GET("/api/admin/v1/operators/{id}", { params: { path: { id } }, signal }));
}

export interface OperatorPatch {
  readonly role?: Role;
  readonly account?: string | null;
  readonly status?: "active" | "deactivated";
}

export function changeOperator(
  id: number,
  patch: OperatorPatch,
  etag: string | undefined,
): Promise<Versioned<Operator>> {
  return requestVersioned((signal) =>
    client.PATCH("/api/admin/v1/operators/{id}", {
      params: { path: { id }, header: ifMatch(etag) },
      body: patch,
      signal,
    }),
  );
}

export function resetOperator(id: number): Promise<InvitationWithLink> {
  return requestData((signal) =>
    client.POST("/api/admin/v1/operators/{id}/reset", { params: { path: { id } }, signal }),
  );
}

export function useOperatorSessions(id: number) {
  return useQuery({
    queryKey: ["operator sessions", id],
    queryFn: ({ signal }) =>
      requestList(
        (signal) => client.GET("/api/admin/v1/operators/{id}/sessions", { params: { path: { id } }, signal }),
        { signal },
      ),
  });
}

export function endOperatorSession(id: number, sessionId: number) {
  return requestData((signal) =>
    client.DELETE("/api/admin/v1/operators/{id}/sessions/{session_id}", {
      params: { path: { id, session_id: sessionId } },
      signal,
    }),
  );
}

export function useInvitations() {
  return useQuery({
    queryKey: ["invitations"],
    queryFn: ({ signal }) =>
      requestList((signal) => client.GET("/api/admin/v1/invitations", { params: { query: { limit: 500 } }, signal }), {
        signal,
      }),
  });
}

export interface NewGrant {
  readonly role: Role;
  readonly account: string | null;
}

export function createInvitation(body: NewGrant & { readonly email: string }, idempotencyKey: string) {
  return requestData((signal) =>
    client.POST("/api/admin/v1/invitations", {
      params: { header: { "idempotency-key": idempotencyKey } },
      body,
      signal,
    }),
  );
}

export function withdrawInvitation(id: number) {
  return requestData((signal) => client.DELETE("/api/admin/v1/invitations/{id}", { params: { path: { id } }, signal }));
}

export function useAdminTokens(cursor: string | undefined) {
  return useQuery({
    queryKey: ["admin tokens", cursor],
    queryFn: ({ signal }) =>
      requestList(
        (signal) =>
          client.GET("/api/admin/v1/admin-tokens", {
            params: { query: cursor === undefined ? {} : { cursor } },
            signal,
          }),
        { signal },
      ),
    placeholderData: keepPreviousData,
  });
}

export function createAdminToken(
  body: NewGrant & { readonly name: string; readonly expires_at: string | null },
  idempotencyKey: string,
) {
  return requestData((signal) =>
    client.POST("/api/admin/v1/admin-tokens", {
      params: { header: { "idempotency-key": idempotencyKey } },
      body,
      signal,
    }),
  );
}

export function revokeAdminToken(id: number): Promise<AdminToken> {
  return requestData((signal) =>
    client.DELETE("/api/admin/v1/admin-tokens/{id}", { params: { path: { id } }, signal }),
  );
}

// The signed-in operator.

export function useMyPasskeys() {
  return useQuery({
    queryKey: ["my passkeys"],
    queryFn: ({ signal }) => requestList((signal) => client.GET("/api/admin/v1/me/passkeys", { signal }), { signal }),
  });
}

/** @throws {ApiError} and what the authenticator throws; see `passkeyProblem` */
export async function addMyPasskey(label: string | undefined): Promise<Passkey> {
  const { options } = await requestData((signal) => client.POST("/api/admin/v1/me/passkeys/options", { signal }));
  const body = await makePasskey(options, label);
  return requestData((signal) => client.POST("/api/admin/v1/me/passkeys", { body, signal }));
}

export function removeMyPasskey(id: number) {
  return requestData((signal) => client.DELETE("/api/admin/v1/me/passkeys/{id}", { params: { path: { id } }, signal }));
}

/** Also ends the operator's other sessions. @param current required if the operator has a password */
export function changeMyPassword(next: string, current: string | undefined) {
  const body = { new_password: next, ...(current === undefined ? {} : { current_password: current }) };
  return requestData((signal) => client.PUT("/api/admin/v1/me/password", { body, signal }));
}

/** @returns the new codes, which can't be shown again */
export async function renewMyRecoveryCodes(): Promise<readonly string[]> {
  return (await requestData((signal) => client.POST("/api/admin/v1/me/recovery-codes", { signal }))).recovery_codes;
}

export function useMySessions() {
  return useQuery({
    queryKey: ["my sessions"],
    queryFn: ({ signal }) => requestList((signal) => client.GET("/api/admin/v1/me/sessions", { signal }), { signal }),
  });
}

export function endMySession(id: number) {
  return requestData((signal) => client.DELETE("/api/admin/v1/me/sessions/{id}", { params: { path: { id } }, signal }));
}

export function endMyOtherSessions() {
  return requestData((signal) => client.DELETE("/api/admin/v1/me/sessions", { signal }));
}
