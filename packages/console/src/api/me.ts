import { ROLES, type Role } from "@countersign/protocol";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { noteSignedIn, noteSignedOut } from "../session/session.ts";
import { askForData, client, type DataOf } from "./client.ts";

/** Who is signed in. */
export type Me = DataOf<"getMe">;

export const meQuery = {
  queryKey: ["me"],
  queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Me> => {
    const me = await askForData((signal) => client.GET("/api/admin/v1/me", { signal }), { signal });
    noteSignedIn(me);
    return me;
  },
  staleTime: 60_000,
} as const;

/** Who is signed in; only where a page is shown, which is only to somebody who is. */
export function useMe(): Me {
  const { data } = useQuery(meQuery);
  if (data === undefined) throw new Error("useMe outside of the pages of somebody who is signed in");
  return data;
}

/** May they do what needs this role? @param everywhere what can't be limited to an account */
export function permits(me: Pick<Me, "role" | "account">, role: Role, { everywhere = false } = {}): boolean {
  return ROLES.indexOf(me.role) >= ROLES.indexOf(role) && !(everywhere && me.account !== null);
}

/** Ends this session; then nothing of it is left in the page. */
export function useSignOut(): () => Promise<void> {
  const queries = useQueryClient();
  return async () => {
    await askForData((signal) => client.DELETE("/api/admin/v1/me/session", { signal }));
    noteSignedOut();
    queries.clear();
  };
}
