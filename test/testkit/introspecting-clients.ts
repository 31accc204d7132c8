/** Resource servers that introspect tokens: requests with a body, which a proxy must not simply repeat. */
import { connectRaw, type RawConnection, requestHead } from "../../packages/server/src/testing/raw-http.ts";
import type { Subject } from "./judge.ts";

/**
 * Asks for each token in turn, over and over; half of the clients use a connection for each request. An answer is `active`, or
 * describes what came instead.
 */
export function startIntrospection(
  url: string,
  { Authorization }: { readonly Authorization: string },
  subjects: readonly Subject[],
  clients: number,
): { readonly answers: readonly string[]; stop(): Promise<void> } {
  const answers: string[] = [];
  const stopping = new AbortController();

  async function drive(at: number): Promise<void> {
    const keeps = at % 2 === 0;
    let connection: RawConnection | undefined;
    for (let count = at; !stopping.signal.aborted; count++) {
      const body = `token=${encodeURIComponent(subjects[count % subjects.length]?.token ?? "")}`;
      const head = requestHead("POST", "/oauth2/introspect", [
        ["Authorization", Authorization],
        ["Content-Type", "application/x-www-form-urlencoded"],
        ["Content-Length", String(body.length)],
      ]);
      try {
        connection ??= await connectRaw(url);
        connection.write(head + body);
        const answer = await connection.answer();
        const isActive = answer.status === 200 && JSON.parse(answer.body).active === true;
        answers.push(isActive ? "active" : `introspection: ${answer.status}`);
        if (!keeps || answer.header("connection") === "close") {
          connection.end();
          connection = undefined;
        }
      } catch (error) {
        answers.push(`introspection: ${String(error)}`);
        connection?.end();
        connection = undefined;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    connection?.end();
  }

  const driving = Array.from({ length: clients }, (_, at) => drive(at));
  return {
    answers,
    async stop() {
      stopping.abort();
      await Promise.all(driving);
    },
  };
}
