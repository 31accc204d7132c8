import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { Refusal } from "../../../core/refusal.ts";

/** Largest form, in bytes: an assertion of 8 KiB and what goes with it. */
export const FORM_BYTES_MAX = 16_384;

/** Reads a parameter; `undefined` where it is missing or empty (RFC 6749 §3.1). */
export type Form = (name: string) => string | undefined;

/**
 * Reads a request's body as a form (`application/x-www-form-urlencoded`). Nothing of it is ever repeated in a message.
 *
 * @throws {Refusal} `bad_request` for another type, a body that breaks off, or a parameter that is there twice (RFC 6749 §3.1);
 *   `body_too_large`; `bad_request` also for text that isn't UTF-8
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
    if (values.length > 1) throw new Refusal("bad_request", `The parameter ${name} is there twice.`);
    return values[0] === "" ? undefined : values[0];
  };
}

/**
 * A form's text from its bytes, which are UTF-8, and so is what is percent-encoded in them: `URLSearchParams` would put U+FFFD in the
 * place of anything else.
 *
 * @param text one character a byte
 */
function utf8Text(text: string): string {
  const bytes = Buffer.from(text, "latin1");
  // A % that encodes nothing stands for itself (URL Standard, percent-decode).
  const runs = text.includes("%") ? (text.match(/(?:%[0-9a-f]{2})+/gi) ?? []) : [];
  if (!isUtf8(bytes) || !runs.every((run) => isUtf8(Buffer.from(run.replaceAll("%", ""), "hex")))) {
    throw new Refusal("bad_request", "The body isn't UTF-8.", {
      hint: "A form, and what is percent-encoded in it, is UTF-8.",
    });
  }
  return bytes.toString("utf8");
}

function readText(request: IncomingMessage): Promise<string> {
  if (Number(request.headers["content-length"] ?? 0) > FORM_BYTES_MAX) throw tooLarge();
  return new Promise((resolve, reject) => {
    let text = "";
    let bytes = 0;
    // One character a byte; what the bytes are is looked at when they are all there.
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
      reject(new Refusal("bad_request", "The body broke off."));
    });
    request.on("close", () => {
      if (!request.complete) reject(new Refusal("bad_request", "The body broke off."));
    });
  });
}

function tooLarge(): Refusal {
  return new Refusal("body_too_large", `The body has over ${FORM_BYTES_MAX} bytes.`);
}
