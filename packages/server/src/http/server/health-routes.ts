import { LIVENESS_PATH, READINESS_PATH } from "@countersign/protocol";
import type { FastifyInstance } from "fastify";
import type { Audience } from "./answers.ts";

/** Whether the process can serve, and if not, why. */
export type Readiness = () => Promise<
  | {
      readonly ready: true;
      /** Why the store can't be written, where it can't; it can be read. */
      readonly writeProblem?: string | undefined;
      /** What this machine's clock is suspected of. */
      readonly clockProblem?: string | undefined;
    }
  | { readonly ready: false; readonly reason: string }
>;

const Status = {
  type: "object",
  required: ["status"],
  properties: { status: { type: "string" }, reason: { type: "string" }, degraded: { type: "string" } },
} as const;

/**
 * `/livez` says that the process runs, `/readyz` that it can serve: store reachable, view confirmed, not stopping.
 *
 * A store that can be read but not written, such as on a full disk, is enough for exchanges and checks. To clients' load
 * balancers the node is ready then, and says that it is degraded: to take it out would turn a full disk into an outage. To
 * operators, whose listener is there for changes, it isn't ready, and they are told why.
 */
export function registerHealthRoutes(app: FastifyInstance, readiness: Readiness, audience: Audience = "anybody"): void {
  app.get(
    LIVENESS_PATH,
    { schema: { tags: ["health"], summary: "Is the process alive? Never asks the store.", response: { 200: Status } } },
    () => ({ status: "ok" }),
  );
  app.get(
    READINESS_PATH,
    {
      schema: {
        tags: ["health"],
        summary: "Can the process serve? Asks the store.",
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
      if (audience === "anybody") return { status: "ready", degraded: "changes can't be made right now" };
      return reply.code(503).send({ status: "not_ready", reason: `changes can't be made: ${writeProblem}` });
    },
  );
}
