import type { IncomingMessage } from "node:http";
import { Refusal } from "../../core/refusal.ts";

/**
 * Reads a request's body.
 *
 * @returns one character for each byte
 * @throws {Refusal} `body_too_large`; `bad_request` if it is cut off
 */
export function readBody(request: IncomingMessage, bytesMax: number): Promise<string> {
  const tooLarge = () => new Refusal("body_too_large", `The body has over ${bytesMax} bytes.`);
  if (Number(request.headers["content-length"] ?? 0) > bytesMax) throw tooLarge();
  return new Promise((resolve, reject) => {
    let text = "";
    let bytes = 0;
    // One character for each byte; they are decoded when all have arrived.
    request.setEncoding("latin1");
    request.on("data", (chunk: string) => {
      bytes += chunk.length;
      if (bytes <= bytesMax) text += chunk;
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
