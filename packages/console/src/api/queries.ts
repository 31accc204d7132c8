import { MutationCache, QueryClient, useMutation } from "@tanstack/react-query";
import { ApiError } from "./api-error.ts";

/**
 * What the pages have read, and the one rule for when it is stale: after every change. A failed change counts too: often it failed
 * because the page was out of date, or it was made and only the response was lost. Queries on the open page are read again at once,
 * the others when they are next shown. A query whose `staleTime` is `static` is left alone.
 */
export const queries: QueryClient = new QueryClient({
  mutationCache: new MutationCache({
    onSettled(_result, error) {
      const isFresh = queries.invalidateQueries();
      return error === null ? isFresh : undefined;
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 5000,
      // Retry only what may succeed a moment later.
      retry: (failures, error) => error instanceof ApiError && [0, 503].includes(error.status) && failures < 2,
      // A server on this machine is reachable even if the browser believes it is offline.
      networkMode: "always",
    },
    // Nothing keeps the response to a change: it may hold a secret.
    mutations: { networkMode: "always", gcTime: 0 },
  },
});

/**
 * A change with its state for a form: pending, failed or done. It stays pending until the open page shows its result.
 *
 * @param onDone called as soon as the server has answered, even if the form is gone by then
 */
export function useChange<Input = void, Result = unknown>(
  change: (input: Input) => Promise<Result>,
  onDone?: (result: Result) => void,
) {
  return useMutation({ mutationFn: change, ...(onDone === undefined ? {} : { onSuccess: onDone }) });
}

/** Makes a change outside a form, such as an Undo. @throws what `change` throws */
export function makeChange<Result>(change: () => Promise<Result>): Promise<Result> {
  return queries.getMutationCache().build(queries, { mutationFn: change }).execute(undefined);
}
