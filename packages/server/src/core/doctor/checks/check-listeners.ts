import { type HttpAnswer, type Probed, readHealth } from "../ask-service.ts";
import { type Observation, observe, type Problem } from "../finding.ts";

export interface ListenerFacts {
  /** Where the public listener is, as this machine's programs reach it, and what it answered. `undefined` if another process has it. */
  readonly public: { readonly address: string; readonly probe: Probed; readonly health: HttpAnswer } | undefined;
  /** The same for the internal listener. */
  readonly internal: { readonly address: string; readonly health: HttpAnswer } | undefined;
  /** `undefined` if the store can't be read. */
  readonly storeId: string | undefined;
  /** Do nodes serve the store, by their heartbeat? */
  readonly isServed: boolean;
}

/** Looks at the listeners directly, without a gateway. */
export function checkListeners(facts: ListenerFacts): Observation {
  const { public: ofPublic, internal, isServed } = facts;
  const places = [ofPublic?.address, internal?.address].filter((address) => address !== undefined);
  const publicProblems = ofPublic === undefined ? [] : publicListenerProblems(ofPublic, facts);
  // One finding is enough for a service that doesn't run.
  const isKnownAway = publicProblems.some((problem) => problem?.code === "not_serving");
  return observe(
    `The service answers at ${places.join(" and ")}, and is ready.`,
    ...publicProblems,
    internal === undefined || isKnownAway ? undefined : internalListenerProblem(internal, isServed),
  );
}

function publicListenerProblems(
  { address, probe, health }: NonNullable<ListenerFacts["public"]>,
  { storeId, isServed }: ListenerFacts,
): readonly (Problem | undefined)[] {
  if (probe.kind === "silent") return [silent("public", address, probe.problem, isServed)];
  // Until a node has its store, it answers everything but health checks by 503.
  if (probe.kind === "foreign" && probe.status === 503 && readHealth(health)?.isReady === false) {
    return [healthProblem("public", health)];
  }
  if (probe.kind === "foreign") {
    return [foreign("public", address, `, or it has another master secret (status ${probe.status})`)];
  }
  return [otherStore(address, probe.answer.storeId, storeId), healthProblem("public", health)];
}

function internalListenerProblem(
  { address, health }: NonNullable<ListenerFacts["internal"]>,
  isServed: boolean,
): Problem | undefined {
  if ("problem" in health) return silent("internal", address, health.problem, isServed);
  return readHealth(health) === undefined ? foreign("internal", address, "") : healthProblem("internal", health);
}

function silent(name: string, address: string, problem: string, isServed: boolean): Problem {
  return isServed
    ? { code: "listener_silent", found: `The ${name} listener at ${address} can't be reached: ${problem}.` }
    : { code: "not_serving", found: `Nothing listens at ${address} (${problem}), and no node serves the store.` };
}

function foreign(name: string, address: string, what: string): Problem {
  return {
    code: "listener_foreign",
    found: `What answers at ${address} isn't the ${name} listener of this service${what}.`,
  };
}

/** A service with the same master secret, but another store. */
export function otherStore(place: string, served: string, own: string | undefined): Problem | undefined {
  if (own === undefined || served === own) return undefined;
  return {
    code: "store_other",
    found: `The service at ${place} uses the store ${served}, and this configuration ${own}.`,
  };
}

function healthProblem(name: string, answer: HttpAnswer): Problem | undefined {
  const health = readHealth(answer);
  if (health === undefined)
    return { code: "not_ready", found: `/readyz of the ${name} listener gives no usable answer.` };
  if (!health.isReady) {
    return { code: "not_ready", found: `The ${name} listener isn't ready: ${health.reason ?? "no reason given"}.` };
  }
  return health.reason === undefined
    ? undefined
    : { code: "degraded", found: `The ${name} listener is ready, but: ${health.reason}.` };
}
