import { Refusal } from "../../../core/refusal.ts";

/** Largest body of the admin API, in bytes: the longest text of a key, written as JSON. */
export const BODY_BYTES_MAX = 262_144;

/**
 * Errors of the core and of Fastify as refusals of the admin API; anything else stays a defect. `not_found` has one text, whether
 * there is no such thing or the caller can't see it.
 */
export function toAdminRefusal(error: unknown): unknown {
  if (error instanceof Refusal) return error.code === "not_found" ? notFound() : error;
  if (error instanceof Error && "code" in error) {
    switch (error.code) {
      case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
        return new Refusal("media_type_unsupported", "The body's Content-Type isn't application/json.", {
          hint: "Send Content-Type: application/json.",
          cause: error,
        });
      case "FST_ERR_CTP_BODY_TOO_LARGE":
        return new Refusal("body_too_large", "The body is larger than this route allows.", { cause: error });
      default:
        return error;
    }
  }
  return error;
}

/** What doesn't exist and what the caller can't see get the same answer. */
export function notFound(): Refusal {
  return new Refusal("not_found", "There is nothing of that name here.");
}
