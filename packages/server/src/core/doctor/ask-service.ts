import { type ProbeAnswer, PROBE_HEADER, PROBE_PATH, parseJson, type Probes } from "./probe.ts";

/** An answer by HTTP, or why there is none, as the end of a sentence. */
export type HttpAnswer =
  | {
      readonly status: number;
      /** The `Location` header. */
      readonly location: string | undefined;
      /** The beginning of the body. */
      readonly body: string;
    }
  | { readonly problem: string };

/** Asks one place by HTTP, follows no redirect, and always resolves. @param path what follows the place's URL */
export type Ask = (
  path: string,
  options?: { readonly method?: string; readonly headers?: Readonly<Record<string, string>> },
) => Promise<HttpAnswer>;

/** What came back from a probe. */
export type Probed =
  | { readonly kind: "answered"; readonly answer: ProbeAnswer }
  /** Something else answered, or the service with another master secret. */
  | { readonly kind: "foreign"; readonly status: number; readonly location: string | undefined }
  | { readonly kind: "silent"; readonly problem: string };

/** Sends a probe with these headers. */
export async function sendProbe(
  ask: Ask,
  probes: Probes,
  headers: Readonly<Record<string, string>> = {},
  method = "GET",
): Promise<Probed> {
  const question = probes.ask();
  const reply = await ask(PROBE_PATH, { method, headers: { ...headers, [PROBE_HEADER]: question } });
  if ("problem" in reply) return { kind: "silent", problem: reply.problem };
  const answer = reply.status === 200 ? probes.read(question, reply.body) : undefined;
  return answer === undefined
    ? { kind: "foreign", status: reply.status, location: reply.location }
    : { kind: "answered", answer };
}

/** What `/readyz` said. */
export interface Health {
  readonly isReady: boolean;
  /** Why it isn't ready, or what is wrong although it is. */
  readonly reason: string | undefined;
}

/** Reads an answer of `/readyz`. @returns `undefined` if it isn't one */
export function readHealth(answer: HttpAnswer): Health | undefined {
  if ("problem" in answer) return undefined;
  const { status, reason, degraded } = parseJson(answer.body) ?? {};
  if (status === "ready") return { isReady: true, reason: typeof degraded === "string" ? degraded : undefined };
  if (status === "not_ready") return { isReady: false, reason: typeof reason === "string" ? reason : undefined };
  return undefined;
}

/** The code of a refusal in the envelope; `undefined` if the answer isn't one. */
export function refusalCode(answer: HttpAnswer): string | undefined {
  if ("problem" in answer) return undefined;
  const meta = parseJson(answer.body)?.["meta"] as { readonly errors?: unknown } | undefined;
  const [first] = Array.isArray(meta?.errors) ? (meta.errors as readonly { readonly code?: unknown }[]) : [];
  return typeof first?.code === "string" ? first.code : undefined;
}
