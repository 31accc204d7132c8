import type { IncomingMessage, ServerResponse } from "node:http";
import type { RequestFacts } from "./admit.ts";
import type { RefusalAnswer } from "./refusal-answer.ts";

/** What decides about a request of `node:http`. */
export function requestFacts(request: Pick<IncomingMessage, "method" | "headers" | "rawHeaders">): RequestFacts {
  const { method, headers, rawHeaders } = request;
  const sent = valuesOf(rawHeaders, "authorization");
  // `headers` has only the first of several, but also what an application put there.
  return { method, authorization: sent.length > 1 ? sent : headers.authorization };
}

/** @param rawHeaders names and values alternating, as received */
function valuesOf(rawHeaders: readonly string[], lowerCaseName: string): readonly string[] {
  return rawHeaders.filter((_value, at) => {
    const name = at % 2 === 1 ? rawHeaders[at - 1] : undefined;
    return name?.length === lowerCaseName.length && name.toLowerCase() === lowerCaseName;
  });
}

/** Answers a refused request. Headers that were set before, such as those of CORS, stay. */
export function sendRefusal(response: ServerResponse, { status, headers, body }: RefusalAnswer): void {
  // The application has answered meanwhile, for example because of a timeout.
  if (response.headersSent) return;
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.end(body);
}
