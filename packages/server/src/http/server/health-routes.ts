import { LIVENESS_PATH, READINESS_PATH } from "@countersign/protocol";
import type { FastifyInstance } from "fastify";
import { SCHEMA_NAME } from "../docs/schema-names.ts";
import type { Audience } from "./answers.ts";

/** Says whether the process can serve, and if not, why. */
export type Readiness = () => Promise<
  | {
      readonly ready: true;
      /** Why the store can't be written, if it can only be read. */
      readonly writeProblem?: string | undefined;
      /** What seems to be wrong with this machine's clock. */
      readonly clockProblem?: string | undefined;
    }
  | { readonly ready: false; readonly reason: string }
>;

const Status = {
  [SCHEMA_NAME]: "Health",
  type: "object",
  required: ["status"],
  properties: {
    status: { type: "string" },
    reason: { type: "string" },
    degraded: { type: "string" },
  },
} as const;

/**
 * `/livez` says that the process runs, `/readyz` that it can serve: the store is reachable, the view is confirmed, and the process
 * isn't stopping.
 *
 * A store that can be read but not written, such as on a full disk, is enough for exchanges and checks. The public listener then
 * reports ready but degraded: if load balancers removed the node, a full disk would become an outage. The internal listener, which
 * serves changes, reports not ready and says why.
 */
export function registerHealthRoutes(app: FastifyInstance, readiness: Readiness, audience: Audience = "clients"): void {
  app.get(
    LIVENESS_PATH,
    {
      schema: {
        tags: ["health"],
        summary: "Is the process alive? Doesn't query the store",
        response: { 200: Status },
      },
    },
    () => ({ status: "ok" }),
  );
  app.get(
    READINESS_PATH,
    {
      schema: {
        tags: ["health"],
        summary: "Can the process serve? Queries the store",
        response: { 200: Status, 503: Status },
      },
    },
    async (_request, reply) => {
      const state = await readiness();
      if (!state.ready) return reply.code(503).send({ status: "not_ready", reason: state.reason });
      const { writeProblem, clockProblem } = state;
      if (writeProblem === undefined) {
        return clockProblem === undefined ? { status: "ready" } : { status: "ready", degraded: clockProblem };
      }
      if (audience === "clients") return { status: "ready", degraded: "changes can't be made right now" };
      return reply.code(503).send({ status: "not_ready", reason: `changes can't be made: ${writeProblem}` });
    },
  );
}
