/** The body as text, or `undefined` where it is longer than so many bytes; the rest isn't read then. */
export async function readBody(response: Response, bytesMax: number): Promise<string | undefined> {
  if (response.body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of chunksOf(response.body)) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) return undefined;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** A body's bytes as they come. Leaving the loop cancels the stream. */
export function chunksOf(body: ReadableStream): AsyncIterable<Uint8Array> {
  // The types of @types/node leave open what a body consists of; the Fetch standard doesn't.
  return body as ReadableStream<Uint8Array>;
}

/** Discards a body that isn't read, so that its connection doesn't stay open. */
export function discardBody(response: Response): void {
  response.body?.cancel().catch(() => undefined);
}

/** Seconds that `Retry-After` names (RFC 9110 §10.2.3), at most so many; `undefined` where it names none, or a date. */
export function retryAfterSeconds(response: Response, secondsMax: number): number | undefined {
  const text = response.headers.get("retry-after");
  return text !== null && /^[0-9]{1,9}$/.test(text) ? Math.min(Number(text), secondsMax) : undefined;
}
