import { Refusal } from "../../../core/refusal.ts";
import { PrivateKeyRefused } from "../../../core/keys/admission.ts";
import { RegistryError } from "../../../core/registry-error.ts";

/** Largest body of the admin API, in bytes: the longest text of a key, written as JSON. */
export const BODY_BYTES_MAX = 262_144;

/** Errors of the core and of Fastify as refusals of the admin API; anything else stays a defect. */
export function toAdminRefusal(error: unknown): unknown {
  if (error instanceof Refusal) return error;
  if (error instanceof RegistryError) return registryRefusal(error);
  if (error instanceof Error && "code" in error) {
    switch (error.code) {
      case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
        return new Refusal("media_type_unsupported", "The body must be JSON.", { cause: error });
      case "FST_ERR_CTP_BODY_TOO_LARGE":
        return new Refusal("body_too_large", `The body is larger than ${BODY_BYTES_MAX} bytes.`, { cause: error });
      default:
        return error;
    }
  }
  return error;
}

function registryRefusal(error: RegistryError): Refusal {
  const { code, message, field } = error;
  if (error instanceof PrivateKeyRefused) return fieldRefusal("private_key_exposed", message, field);
  switch (code) {
    case "not_found":
      return notFound();
    case "conflict":
      return fieldRefusal("conflict", message, field);
    case "invalid":
      return fieldRefusal(field === "public_key" ? "key_rejected" : "field_invalid", message, field);
    default:
      throw new Error("a registry error has a code that doesn't exist");
  }
}

/** What doesn't exist and what the caller can't see get the same answer. */
export function notFound(): Refusal {
  return new Refusal("not_found", "There is nothing of that name here.");
}

/** A refusal that is about one field, if so. */
export function fieldRefusal(
  code: "private_key_exposed" | "key_rejected" | "field_invalid" | "conflict",
  message: string,
  field: string | undefined,
): Refusal {
  return new Refusal(code, message, field === undefined ? {} : { fields: [{ field: `/${field}`, message }] });
}
