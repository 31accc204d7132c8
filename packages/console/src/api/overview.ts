/** The overview: what an operator looks at first. */
import { useQuery } from "@tanstack/react-query";
import { client, type DataOf, requestData } from "./client.ts";

export type Overview = DataOf<"getOverview">;

/** @param account the shortname of an account, for only what belongs to it */
export function useOverview(account?: string) {
  return useQuery({
    queryKey: ["overview", account],
    queryFn: ({ signal }) =>
      requestData(
        (signal) =>
          client.GET("/api/admin/v1/overview", {
            params: { query: account === undefined ? {} : { account } },
            signal,
          }),
        { signal },
      ),
    refetchInterval: 60_000,
  });
}
