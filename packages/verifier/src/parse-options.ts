import { type Clock, systemClock } from "./clock.ts";
import type { ReportProblem } from "./problem.ts";

/** As much of `fetch` as the verifier calls. */
export type Fetch = (input: string, init: RequestInit) => Promise<Response>;

export interface VerifierOptions {
  /** The service's address, such as `https://auth.example.com`. A path is kept: the service may be behind a prefix. */
  readonly baseUrl: string | URL;
  /** What `countersign resource-server create` printed, such as `rs-1`. */
  readonly clientId: string;
  /** The same, `csrs_…`. It goes to the service and nowhere else. */
  readonly clientSecret: string;
  /** How many good tokens are remembered at most, about 700 bytes each. 20,000 unless given. */
  readonly cacheMax?: number;
  /** How long one question to the service may take, in milliseconds. 2000 unless given. */
  readonly timeoutMs?: number;
  /** How clients reach the service, for the links in refusals. As `baseUrl` unless given. */
  readonly publicUrl?: string | URL;
  /** Called with each problem that keeps the verifier from working. It holds no secret and no token. */
  readonly onProblem?: ReportProblem;
  /** In place of the platform's. */
  readonly fetch?: Fetch;
  /** In place of the system's. */
  readonly clock?: Clock;
  /** Replaces `Math.random`. It only spreads reconnections. */
  readonly random?: () => number;
}

/** How to reach the service. Kept in closures only, so that printing a verifier doesn't print the secret. */
export interface Service {
  readonly baseUrl: string;
  /** The value of the `Authorization` header. */
  readonly authorization: string;
  readonly fetch: Fetch;
}

export interface Settings {
  readonly service: Service;
  readonly publicUrl: string;
  readonly cacheMax: number;
  readonly timeoutMs: number;
  readonly onProblem: ReportProblem | undefined;
  readonly clock: Clock;
  readonly random: () => number;
}

const CACHE_MAX_DEFAULT = 20_000;
const CACHE_MAX_MAX = 1_000_000;
const TIMEOUT_MS_DEFAULT = 2000;
const TIMEOUT_MS_MAX = 30_000;

/**
 * Checks the options of a verifier.
 *
 * @throws {TypeError} which names the option and what is wrong with it; its value is never repeated
 */
export function parseOptions(options: VerifierOptions): Settings {
  const baseUrl = parseUrl("baseUrl", options.baseUrl);
  const credentials = [parseText("clientId", options.clientId), parseText("clientSecret", options.clientSecret)];
  // RFC 6749 §2.3.1: both are form-urlencoded before they are joined.
  const basic = Buffer.from(credentials.map(formUrlencode).join(":")).toString("base64");
  // Looked up with each call, so that a later replacement by the application takes effect.
  const platformFetch: Fetch = (input, init) => globalThis.fetch(input, init);
  return {
    service: { baseUrl, authorization: `Basic ${basic}`, fetch: options.fetch ?? platformFetch },
    publicUrl: options.publicUrl === undefined ? baseUrl : parseUrl("publicUrl", options.publicUrl),
    cacheMax: parseCount("cacheMax", options.cacheMax ?? CACHE_MAX_DEFAULT, CACHE_MAX_MAX),
    timeoutMs: parseCount("timeoutMs", options.timeoutMs ?? TIMEOUT_MS_DEFAULT, TIMEOUT_MS_MAX),
    onProblem: options.onProblem,
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
  };
}

/** Without a slash at the end. */
function parseUrl(name: string, value: unknown): string {
  const url = URL.parse(value instanceof URL ? value.href : typeof value === "string" ? value.trim() : "");
  if (url === null) throw invalid(name, "isn't a URL; give it whole, such as https://auth.example.com");
  if (url.protocol !== "https:" && url.protocol !== "http:") throw invalid(name, "isn't an http or https URL");
  if (url.username !== "" || url.password !== "") throw invalid(name, "holds a user name or password");
  if (url.search !== "" || url.hash !== "") throw invalid(name, "holds a query or a fragment");
  return url.origin + url.pathname.replace(/\/+$/, "");
}

function parseText(name: string, value: unknown): string {
  if (typeof value !== "string" || value === "") throw invalid(name, "is missing; it has to be a string");
  // Usually the line end of a file that a secret was read from.
  if (!/^[\x21-\x7e]+$/.test(value))
    throw invalid(name, "holds a space, a line end or another character that can't be");
  return value;
}

function parseCount(name: string, value: unknown, max: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw invalid(name, `isn't a whole number from 1 to ${max}`);
}

function formUrlencode(text: string): string {
  return new URLSearchParams([["", text]]).toString().slice(1);
}

function invalid(name: string, problem: string): TypeError {
  return new TypeError(`${name} ${problem}.`);
}
