import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { Refusal } from "../../../core/refusal.ts";

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
  const parameters = new URLSearchParams(utf8Text(await readText(request)));
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

function readText(request: IncomingMessage): Promise<string> {
  if (Number(request.headers["content-length"] ?? 0) > FORM_BYTES_MAX) throw tooLarge();
  return new Promise((resolve, reject) => {
    let text = "";
    let bytes = 0;
    // One character for each byte; they are decoded when all have arrived.
    request.setEncoding("latin1");
    request.on("data", (chunk: string) => {
      bytes += chunk.length;
      if (bytes <= FORM_BYTES_MAX) text += chunk;
      else reject(tooLarge());
    });
    request.on("end", () => {
      resolve(text);
    });
    request.on("error", () => {
      reject(new Refusal("bad_request", "The body was cut off."));
    });
    request.on("close", () => {
      if (!request.complete) reject(new Refusal("bad_request", "The body was cut off."));
    });
  });
}

function tooLarge(): Refusal {
  return new Refusal("body_too_large", `The body has over ${FORM_BYTES_MAX} bytes.`);
}
