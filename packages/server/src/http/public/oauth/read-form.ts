import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { Refusal } from "../../../core/refusal.ts";
import { readBody } from "../read-body.ts";

/** The largest form, in bytes: an assertion of 8 KiB and the other parameters. */
export const FORM_BYTES_MAX = 16_384;

/** Reads a parameter; `undefined` if it is missing or empty (RFC 6749 §3.1). */
export type Form = (name: string) => string | undefined;

/**
 * Reads a request's body as a form (`application/x-www-form-urlencoded`). No message quotes it.
 *
 * @throws {Refusal} `body_too_large`; `bad_request` for another type, a body that is cut off or isn't UTF-8, and, when a parameter
 *   is read, for one that is repeated (RFC 6749 §3.1)
 */
export async function readForm(request: IncomingMessage): Promise<Form> {
  const type = request.headers["content-type"] ?? "";
  if (!/^application\/x-www-form-urlencoded *(?:;|$)/i.test(type)) {
    throw new Refusal("bad_request", "The body isn't a form.", {
      hint: "Send Content-Type: application/x-www-form-urlencoded.",
    });
  }
  const parameters = new URLSearchParams(utf8Text(await readBody(request, FORM_BYTES_MAX)));
  return (name) => {
    const values = parameters.getAll(name);
    if (values.length > 1) throw new Refusal("bad_request", `The parameter ${name} is given more than once.`);
    return values[0] === "" ? undefined : values[0];
  };
}

/**
 * Decodes a form's text. Both its bytes and the percent-encoded bytes in it must be UTF-8: `URLSearchParams` would replace anything
 * else by U+FFFD.
 *
 * @param text one character for each byte
 */
function utf8Text(text: string): string {
  const bytes = Buffer.from(text, "latin1");
  // A % that encodes nothing is itself (URL Standard, percent-decode).
  const runs = text.includes("%") ? (text.match(/(?:%[0-9a-f]{2})+/gi) ?? []) : [];
  if (!isUtf8(bytes) || !runs.every((run) => isUtf8(Buffer.from(run.replaceAll("%", ""), "hex")))) {
    throw new Refusal("bad_request", "The body isn't UTF-8.", {
      hint: "Both the form and its percent-encoded bytes must be UTF-8.",
    });
  }
  return bytes.toString("utf8");
}
