import type { CheckToken } from "../core/check.ts";
import { runExchangeSteps } from "../core/exchange.ts";
import { SIGNER_STEPS, type SignerSteps } from "../core/assertion/find-signer.ts";
import type { IssueToken } from "../core/issue-token.ts";
import type { Job } from "../core/jobs/job-runner.ts";
import { runInSpan, traced, type Tracer } from "../core/tracer.ts";
import type { RegistryView } from "../core/view/view.ts";
import type { Deliver } from "../core/webhooks/deliver.ts";
import type { WebhookSender } from "../core/webhooks/send.ts";

/** The parts of the exchange that become spans. */
export interface TracedExchange {
  readonly runSteps: typeof runExchangeSteps;
  readonly signerSteps: SignerSteps;
  readonly view: Pick<RegistryView, "findUser">;
  readonly issueToken: IssueToken;
}

/** Wraps the steps of the exchange; without a tracer they are what they were. */
export function traceExchange(
  tracer: Tracer | undefined,
  { view, issueToken }: Pick<TracedExchange, "view" | "issueToken">,
): TracedExchange {
  if (tracer === undefined) return { runSteps: runExchangeSteps, signerSteps: SIGNER_STEPS, view, issueToken };
  return {
    runSteps: traced(tracer, "parse assertion", runExchangeSteps),
    signerSteps: {
      findSigningKey: traced(tracer, "verify signature", SIGNER_STEPS.findSigningKey),
      checkStanding: traced(tracer, "check standing", SIGNER_STEPS.checkStanding),
    },
    view: { findUser: traced(tracer, "look up keys", (username: string) => view.findUser(username)) },
    issueToken: traced(tracer, "mint token", issueToken),
  };
}

export function traceCheck(tracer: Tracer | undefined, checkToken: CheckToken): CheckToken {
  return tracer === undefined ? checkToken : traced(tracer, "check token", checkToken);
}

/** OpenTelemetry's names of the engines. */
const SYSTEMS: Readonly<Record<string, string>> = { sqlite: "sqlite", postgres: "postgresql" };

/** A span for each call of a store's methods, named by the method. Neither statements nor parameters appear. */
export function traceStore<Target extends { readonly engine: string }>(
  tracer: Tracer | undefined,
  store: Target,
): Target {
  if (tracer === undefined) return store;
  const system = SYSTEMS[store.engine] ?? store.engine;
  const wrap = (member: unknown, name: string): unknown => {
    if (typeof member === "object" && member !== null) return wrapMembers(member, `${name}.`);
    // It is read at every answer, and doesn't touch the database.
    if (typeof member !== "function" || name === "writeProblem") return member;
    const method = member as (...parameters: unknown[]) => unknown;
    const attributes = { "db.system.name": system, "db.operation.name": name };
    return (...parameters: unknown[]) =>
      tracer.step(`store ${name}`, () => method(...parameters), attributes, "client");
  };
  const wrapMembers = (object: object, prefix: string): object =>
    Object.fromEntries(Object.entries(object).map(([name, member]) => [name, wrap(member, `${prefix}${name}`)]));
  return wrapMembers(store, "") as Target;
}

/** A trace for each delivery. Its context is sent along; the receiver's URL isn't recorded, since it may hold a secret. */
export function traceDeliveries(tracer: Tracer | undefined, deliver: Deliver): Deliver {
  if (tracer === undefined) return deliver;
  return (webhook, message, signal) => {
    const span = tracer.begin("client", "deliver webhook", { "http.request.method": "POST" });
    return span.run(async () => {
      const result = await deliver(webhook, message, signal);
      const { outcome, httpStatus } = result;
      if (httpStatus !== null) span.set({ "http.response.status_code": httpStatus });
      span.end(outcome === "delivered" ? undefined : { type: outcome, isFault: true });
      return result;
    });
  };
}

/** Sends the current trace's context with each request. */
export function traceSender(tracer: Tracer | undefined, sender: WebhookSender): WebhookSender {
  if (tracer === undefined) return sender;
  return {
    findUrlProblem: (url) => sender.findUrlProblem(url),
    send: (request, signal) =>
      sender.send({ ...request, headers: { ...request.headers, ...tracer.contextHeaders() } }, signal),
  };
}

/** A trace for each run of a job. */
export function traceJobs(tracer: Tracer | undefined, jobs: readonly Job[]): readonly Job[] {
  if (tracer === undefined) return jobs;
  return jobs.map((job) => ({
    ...job,
    run: (lease) =>
      runInSpan(tracer.begin("internal", `job ${job.name}`, { "countersign.job": job.name }), () => job.run(lease)),
  }));
}
