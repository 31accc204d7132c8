/**
 * Traffic whose every answer is judged: what was requested and changed at which time, and which answers can't have been
 * right.
 *
 * An answer is judged if only one answer was right while it was under way: the last change of its subject that had
 * begun by its end was acknowledged before its start. A request that overlaps a change, or follows a failed one, may
 * get either answer.
 */
import { setTimeout as wait } from "node:timers/promises";
import type { Administration } from "./administration.ts";
import { type Companion, monotonicMs } from "./companion.ts";
import type { SiteUser } from "./nodes.ts";
import { connectRaw, type RawConnection, requestHead } from "../../packages/server/src/testing/raw-http.ts";
import { signAssertion } from "./sign-assertion.ts";
import { HOLDS_MS, type KeyChange, type Standing, STALENESS_MS_MAX, truthFor } from "./truth.ts";

/** An assertion is valid for a minute either way, and signing costs more than everything else here. */
const ASSERTION_MS = 20_000;

/** The pause between two attempts at a change that can't be made right now. */
const RETRY_MS = 100;

/** A user whose tokens and assertions the traffic uses. */
export interface Subject {
  readonly user: SiteUser;
  /** The latest token. */
  token: string;
  /** Changes in order, which never overlap. */
  readonly attempts: KeyChange[];
}

/** Mints a token for a user who is active. */
export async function openSubject(user: SiteUser, url: string): Promise<Subject> {
  const connection = await connectRaw(url);
  const subject: Subject = { user, token: "", attempts: [] };
  connection.write(exchangeBytes(subject));
  const { status, body } = await connection.answer();
  connection.end();
  if (status !== 200) throw new Error(`no token: ${body}`);
  subject.token = tokenOf(body);
  return subject;
}

type Operator = Companion<Administration>;

/** Attempts a change, and records it. */
async function attempt(operator: Operator, subject: Subject, standing: Standing): Promise<KeyChange> {
  const change = await operator.call("tryKeyStanding", subject.user.keyId, standing);
  subject.attempts.push(change);
  return change;
}

/** Makes a change, and records it. @throws if the change fails */
export async function change(operator: Operator, subject: Subject, standing: Standing): Promise<KeyChange> {
  const made = await attempt(operator, subject, standing);
  if (made.failure !== undefined) throw new Error(made.failure);
  return made;
}

/** Attempts a change until it is acknowledged. */
export async function changeAtLast(operator: Operator, subject: Subject, standing: Standing): Promise<void> {
  while ((await attempt(operator, subject, standing)).failure !== undefined) await wait(RETRY_MS);
}

/** Changes that are made until they are stopped. */
export interface Changing {
  /** How many were acknowledged by now. */
  acknowledged(): number;
  /** Stops, and waits for changes under way. */
  stop(): Promise<void>;
}

/** Deactivates and activates each subject's key repeatedly. @param restMs the pause between two changes of one key */
export function startChanging(operator: Operator, subjects: readonly Subject[], restMs: number): Changing {
  const stopping = new AbortController();
  let acknowledged = 0;
  const changing = subjects.map(async (subject) => {
    while (!stopping.signal.aborted) {
      const standing = standingOf(subject) === "active" ? "deactivated" : "active";
      const isMade = (await attempt(operator, subject, standing)).failure === undefined;
      if (isMade) acknowledged++;
      await wait(isMade ? restMs : RETRY_MS);
    }
  });
  return {
    acknowledged: () => acknowledged,
    async stop() {
      stopping.abort();
      await Promise.all(changing);
    },
  };
}

/** The standing acknowledged last; `undefined` if a change has failed since. */
export function standingOf({ attempts }: Subject): Standing | undefined {
  const last = attempts.at(-1);
  if (last === undefined) return "active";
  return last.failure === undefined ? last.standing : undefined;
}

/** An answer, or its absence. */
export interface Answer {
  readonly target: string;
  readonly subject: Subject;
  readonly kind: "check" | "exchange";
  readonly beganMs: number;
  readonly endedMs: number;
  /** 0 where the connection ended instead. */
  readonly status: number;
}

/** Where requests go. */
export interface Target {
  readonly name: string;
  readonly url: string;
}

export interface Traffic {
  /** In the order of their ends. */
  readonly answers: readonly Answer[];
  /** How many answers in a row up to now, to requests that began since `sinceMs`, were a yes or a no. */
  decidedInRow(target: Target, sinceMs: number): number;
  addTarget(target: Target): void;
  /** Waits for the requests under way to a target, and sends it no more. */
  removeTarget(target: Target): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Sends checks, and an exchange now and then, on several connections to each target, for each subject in turn. From its
 * exchange on, the latest token is the one that is checked everywhere.
 *
 * @param options.paceMs the time from the start of one request to the start of the next on the same connection
 */
export function startTraffic(
  targets: readonly Target[],
  subjects: readonly Subject[],
  options: { readonly connections: number; readonly paceMs: number; readonly exchangeEvery: number },
): Traffic {
  const { connections, paceMs, exchangeEvery } = options;
  const answers: Answer[] = [];
  const stops = new Map<string, () => Promise<void>>();
  const assertions = new Map<Subject, { readonly assertion: string; readonly untilMs: number }>();

  function assertionOf(subject: Subject): string {
    const kept = assertions.get(subject);
    if (kept !== undefined && monotonicMs() < kept.untilMs) return kept.assertion;
    const assertion = sign(subject.user);
    assertions.set(subject, { assertion, untilMs: monotonicMs() + ASSERTION_MS });
    return assertion;
  }

  /** Uses one connection to a target after the other. */
  async function drive(target: Target, at: number, stopping: AbortSignal): Promise<void> {
    let connection: RawConnection | undefined;
    for (let count = at; !stopping.aborted; count++) {
      const subject = subjects[count % subjects.length] as Subject;
      const isExchange = Math.floor(count / subjects.length) % exchangeEvery === 0;
      const beganMs = monotonicMs();
      let status = 0;
      try {
        connection ??= await connectRaw(target.url);
        connection.write(isExchange ? exchangeBytes(subject, assertionOf(subject)) : checkBytes(subject.token));
        const answer = await connection.answer();
        ({ status } = answer);
        if (isExchange && status === 200) subject.token = tokenOf(answer.body);
        if (answer.header("connection") === "close") connection = ended(connection);
      } catch {
        connection = ended(connection);
      }
      const kind = isExchange ? "exchange" : "check";
      const answer: Answer = { target: target.name, subject, kind, beganMs, endedMs: monotonicMs(), status };
      answers.push(answer);
      await wait(Math.max(0, beganMs + paceMs - monotonicMs()));
    }
    ended(connection);
  }

  const traffic: Traffic = {
    answers,
    decidedInRow({ name }, sinceMs) {
      const own = answers.filter(({ target, beganMs }) => target === name && beganMs >= sinceMs);
      return own.length - 1 - own.findLastIndex((answer) => verdictOf(answer) === "none");
    },
    addTarget(target) {
      const stopping = new AbortController();
      const driving = Array.from({ length: connections }, (_, at) => drive(target, at, stopping.signal));
      stops.set(target.name, async () => {
        stopping.abort();
        await Promise.all(driving);
      });
    },
    removeTarget: async ({ name }) => {
      await stops.get(name)?.();
    },
    async stop() {
      await Promise.all([...stops.values()].map((stop) => stop()));
    },
  };
  for (const target of targets) traffic.addTarget(target);
  return traffic;
}

function ended(connection: RawConnection | undefined): undefined {
  connection?.end();
}

export function checkBytes(token: string): string {
  return requestHead("GET", "/api/auth/v0/check/", [["Authorization", `Token ${token}`]]);
}

/** @param assertion a new one by default */
export function exchangeBytes({ user }: Subject, assertion = sign(user)): string {
  return requestHead("GET", "/api/auth/v0/refresh/", [["Authorization", `JWT ${assertion}`]]);
}

function sign({ username, pair }: SiteUser): string {
  return signAssertion(username, pair.privateKey);
}

/** Whether the answer is to an exchange. */
export function tokenOf(body: string): string {
  return (JSON.parse(body) as { data: { token: string } }).data.token;
}

/** What an answer says about its subject; `none` if nothing: no answer, or the service was unavailable. */
function verdictOf({ status, kind }: Answer): "yes" | "no" | "none" | "unexpected" {
  if (status === 200) return "yes";
  // For a check: 401 if the signing key is retired, 403 if the token was revoked.
  if (status === 403 || (status === 401 && kind === "check")) return "no";
  return [0, 502, 503, 504].includes(status) ? "none" : "unexpected";
}

/** The judgement of a period's answers. Ages are from a change's acknowledgement to a request's start. */
export interface Judgement {
  readonly answers: number;
  readonly yes: number;
  readonly no: number;
  /** 503, 502 and 504. */
  readonly unavailable: number;
  readonly unanswered: number;
  /** Answers other than a yes, a no or unavailable; these are never right. */
  readonly unexpected: readonly Answer[];
  /** A yes to a key that was deactivated over 100 ms ago: acceptable only during a fault. */
  readonly lateYes: number;
  /** The same, over 5 s ago: never acceptable. */
  readonly staleYes: readonly Answer[];
  /** The age of the oldest wrong yes, in milliseconds. */
  readonly worstYesMs: number;
  /** A no to a key that was activated, or never deactivated, with the same limits. */
  readonly lateNo: number;
  readonly staleNo: readonly Answer[];
  readonly worstNoMs: number;
  /** The longest time that an answer took, in milliseconds. */
  readonly slowestMs: number;
}

export function judge(answers: readonly Answer[]): Judgement {
  const count = { yes: 0, no: 0, none: 0, unexpected: 0 };
  const wrong = { yes: [] as Answer[], no: [] as Answer[] };
  const late = { yes: 0, no: 0 };
  const worstMs = { yes: 0, no: 0 };
  for (const answer of answers) {
    const verdict = verdictOf(answer);
    count[verdict]++;
    if (verdict !== "yes" && verdict !== "no") continue;
    const truth = truthFor(answer.subject.attempts, answer);
    if (truth === undefined || (truth.standing === "active") === (verdict === "yes")) continue;
    const ageMs = answer.beganMs - truth.sinceMs;
    if (ageMs > HOLDS_MS) late[verdict]++;
    if (ageMs > STALENESS_MS_MAX) wrong[verdict].push(answer);
    worstMs[verdict] = Math.max(worstMs[verdict], ageMs);
  }
  const unanswered = answers.filter(({ status }) => status === 0).length;
  return {
    answers: answers.length,
    yes: count.yes,
    no: count.no,
    unavailable: count.none - unanswered,
    unanswered,
    unexpected: answers.filter((answer) => verdictOf(answer) === "unexpected"),
    lateYes: late.yes,
    staleYes: wrong.yes,
    worstYesMs: worstMs.yes,
    lateNo: late.no,
    staleNo: wrong.no,
    worstNoMs: worstMs.no,
    slowestMs: answers.reduce((most, one) => (one.status === 0 ? most : Math.max(most, one.endedMs - one.beganMs)), 0),
  };
}

/** How long after a given time the last answer without a verdict arrived, in milliseconds; 0 if there is none. */
export function recoveredAfterMs(answers: readonly Answer[], sinceMs: number): number {
  const last = answers.findLast((answer) => verdictOf(answer) === "none" && answer.endedMs > sinceMs);
  return last === undefined ? 0 : last.endedMs - sinceMs;
}

/** How many acknowledged changes the store doesn't have: by each key's standing, and by the audit log. */
export async function countLost(operator: Operator, subjects: readonly Subject[]): Promise<number> {
  let lost = 0;
  for (const subject of subjects) {
    const { user, attempts } = subject;
    const standing = standingOf(subject);
    if (standing !== undefined && (await operator.call("keyStatus", user.keyId)) !== standing) lost++;
    const actions = await operator.call("actionsOn", `key:${user.keyId}`);
    // A change that finds nothing to do leaves no event, which can happen after a failed one.
    const sure = attempts.filter((attempt, at) => {
      const before = standingOf({ ...subject, attempts: attempts.slice(0, at) });
      return attempt.failure === undefined && before !== undefined && before !== attempt.standing;
    });
    for (const [wanted, action] of [
      ["active", "key.activated"],
      ["deactivated", "key.deactivated"],
    ] as const) {
      const made = sure.filter((attempt) => attempt.standing === wanted).length;
      lost += Math.max(0, made - actions.filter((logged) => logged === action).length);
    }
  }
  return lost;
}

/** A judgement in a line. */
export function describeJudgement(judgement: Judgement): string {
  const { answers, yes, no, unavailable, unanswered, lateYes, staleYes, worstYesMs, lateNo, staleNo } = judgement;
  return (
    `${answers} answers (${yes} yes, ${no} no, ${unavailable} unavailable, ${unanswered} cut off, slowest ${judgement.slowestMs.toFixed(0)} ms); ` +
    `yes to what was deactivated over 100 ms ago: ${lateYes}, over 5 s: ${staleYes.length} (worst ${worstYesMs.toFixed(0)} ms); ` +
    `no to what is active: ${lateNo} over 100 ms, ${staleNo.length} over 5 s (worst ${judgement.worstNoMs.toFixed(0)} ms)`
  );
}
