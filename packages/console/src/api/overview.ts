/** The overview: what an operator looks at first. */
import { useQuery } from "@tanstack/react-query";
import { client, type DataOf, requestData } from "./client.ts";

export type Overview = DataOf<"getOverview">;

export function useOverview() {
  return useQuery({
    queryKey: ["overview"],
    queryFn: ({ signal }) => requestData((signal) => client.GET("/api/admin/v1/overview", { signal }), { signal }),
    refetchInterval: 60_000,
  });
}
