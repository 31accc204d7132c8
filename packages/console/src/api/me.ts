import { ROLES, type Role } from "@countersign/protocol";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { noteSignedIn, noteSignedOut } from "../session/session.ts";
import { requestData, client, type DataOf } from "./client.ts";

/** The caller: the signed-in operator, with role and scope. */
export type Me = DataOf<"getMe">;

export const meQuery = {
  queryKey: ["me"],
  queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Me> => {
    const me = await requestData((signal) => client.GET("/api/admin/v1/me", { signal }), { signal });
    noteSignedIn(me);
    return me;
  },
  staleTime: 60_000,
} as const;

/** The signed-in operator; only on pages that need one. */
export function useMe(): Me {
  const { data } = useQuery(meQuery);
  if (data === undefined) throw new Error("useMe was called on a page that needs no signed-in operator");
  return data;
}

/** Does the caller have this role? @param everywhere for what an account's own operators can never do */
export function permits(me: Pick<Me, "role" | "account">, role: Role, { everywhere = false } = {}): boolean {
  return ROLES.indexOf(me.role) >= ROLES.indexOf(role) && !(everywhere && me.account !== null);
}

/** Ends this session and clears everything the page has read. */
export function useSignOut(): () => Promise<void> {
  const queries = useQueryClient();
  return async () => {
    await requestData((signal) => client.DELETE("/api/admin/v1/me/session", { signal }));
    noteSignedOut();
    queries.clear();
  };
}
