import { ADMIN_PATH, COUNT_MAX, type Envelope, type ListEnvelope } from "@countersign/protocol";
import type { FastifyReply } from "fastify";
import type { CreatedAnswer, ItemAnswer, ListAnswer } from "./handlers.ts";
import type { AdminRoute } from "./route.ts";

/** Sets the status and headers of an answer. @returns the body */
export function sendEnvelope(
  { answers }: AdminRoute,
  answer: ListAnswer<unknown> | ItemAnswer<unknown> | CreatedAnswer<unknown>,
  reply: FastifyReply,
): Envelope<unknown> | ListEnvelope<unknown> {
  const code = answers === "created" ? 201 : 200;
  reply.code(code).type("application/json; charset=utf-8");
  if (answers === "list") {
    const { data, count, before, next, previous } = answer as ListAnswer<unknown>;
    const isMinimum = count > COUNT_MAX;
    return {
      meta: {
        code,
        errors: [],
        warnings: [],
        count: isMinimum ? COUNT_MAX : count,
        count_is_minimum: isMinimum,
        position: data.length === 0 || before > COUNT_MAX ? null : before + 1,
        next,
        previous,
      },
      data,
    };
  }
  const { data, etag, warnings = [], isRepeated = false } = answer as ItemAnswer<unknown>;
  if (etag !== undefined) reply.header("ETag", etag);
  if (isRepeated) reply.header("Idempotency-Replayed", "true");
  if (answers === "created") {
    const { location } = answer as CreatedAnswer<unknown>;
    if (location !== undefined) reply.header("Location", ADMIN_PATH + location);
  }
  return { meta: { code, errors: [], warnings }, data };
}
