import { LIVENESS_PATH, READINESS_PATH } from "@countersign/protocol";
import type { FastifyInstance } from "fastify";

/** Whether the process can serve, and if not, why. */
export type Readiness = () => Promise<{ readonly ready: true } | { readonly ready: false; readonly reason: string }>;

const Status = {
  type: "object",
  required: ["status"],
  properties: { status: { type: "string" }, reason: { type: "string" } },
} as const;

/** `/livez` says that the process runs, `/readyz` that it can serve: store reachable, view confirmed, not stopping. */
export function registerHealthRoutes(app: FastifyInstance, readiness: Readiness): void {
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
      if (state.ready) return { status: "ready" };
      return reply.code(503).send({ status: "not_ready", reason: state.reason });
    },
  );
}
