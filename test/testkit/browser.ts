/**
 * A real Chromium for tests of the console, with everything that it reports: each request on the wire, each error, each
 * violation of the Content-Security-Policy, each dialog.
 *
 *     const browser = await startBrowser();
 *     after(() => browser.close());
 *     const { page } = await browser.openTab();
 *     await page.goto(…);
 *
 * All that the browser sends passes through a proxy of this process. This shows requests that no page's events show: a
 * beacon while a page closes, a prefetch, the icon, the browser's own requests.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, request as sendRequest, Agent } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContextOptions, type CDPSession, chromium, type Page } from "playwright-core";
import type { Requirement } from "./requirements.ts";

const CHROMIUM = "/usr/bin/chromium";

/** What {@link startBrowser} needs. The font is for screenshots: without it emoji are boxes. */
export const CHROMIUM_REQUIREMENT: Requirement = {
  name: "Chromium",
  debianPackages: "chromium fonts-noto-color-emoji",
  probes: [[CHROMIUM, "--version"]],
};

const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** How long anything may take to appear, in milliseconds; far above what it takes on a quiet machine. */
const TIMEOUT_MS = 60_000;

/**
 * Hosts that Chromium contacts on its own, whatever page is open. No page's events show these requests, so they aren't
 * the pages'.
 */
const ASKED_BY_CHROMIUM = /(^|\.)(googleapis\.com|google\.com|gvt1\.com|gstatic\.com)(:\d+)?$/;

/** A request as it left the browser, and what came back. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** The whole body. `CONNECT` has none. */
  readonly body: Buffer;
  /** `undefined` while it is pending, and if there was no response. */
  readonly status: number | undefined;
  /** The size of the answer's body, as transferred. */
  readonly bytes: number;
  readonly type: string | undefined;
}

/** The proxy. */
export interface Wire {
  /** For programs that take a proxy, too (`http_proxy`). */
  readonly url: string;
  /** Every request up to now, in the order in which they began. */
  readonly requests: readonly SeenRequest[];
  /** Lets the next request of that method and path arrive, and cuts the connection instead of answering. */
  loseNextAnswer(method: string, path: string): void;
  stop(): Promise<void>;
}

/** A problem that a page must not have. */
export interface PageProblem {
  readonly kind: "console" | "error" | "policy" | "dialog" | "crash";
  readonly text: string;
  /** The page's URL. */
  readonly url: string;
}

/** One user's browser window, with cookies and storage of its own. */
export interface Tab {
  readonly page: Page;
  /** Takes the problems noted so far, where a test caused them. */
  readonly takeProblems: () => readonly PageProblem[];
  readonly close: () => Promise<void>;
}

export interface TestBrowser {
  readonly wire: Wire;
  readonly version: string;
  openTab(options?: BrowserContextOptions): Promise<Tab>;
  /** The problems of every tab that was ever open, without those that were taken. */
  problems(): readonly PageProblem[];
  /** The origins that were requested, except by Chromium itself. */
  origins(): ReadonlySet<string>;
  close(): Promise<void>;
}

/** @param options.isWatched if false, nothing passes through the proxy, for benchmarks, and `wire` stays empty */
export async function startBrowser({ isWatched = true }: { readonly isWatched?: boolean } = {}): Promise<TestBrowser> {
  const wire = await startWire();
  const browser: Browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: FLAGS,
    // Chromium leaves loopback addresses out of its proxy unless told otherwise.
    ...(isWatched && { proxy: { server: wire.url, bypass: "<-loopback>" } }),
  });
  const tabs: { problems: PageProblem[] }[] = [];
  const pageOrigins = new Set<string>();

  return {
    wire,
    version: browser.version(),
    async openTab(options = {}) {
      const tab: { problems: PageProblem[] } = { problems: [] };
      tabs.push(tab);
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
      context.setDefaultTimeout(TIMEOUT_MS);
      context.on("request", (request) => {
        const { protocol, origin } = new URL(request.url());
        // A file that the page made itself, which never leaves the browser.
        if (protocol !== "blob:" && protocol !== "data:") pageOrigins.add(origin);
      });
      await context.exposeBinding("__notePolicyViolation", ({ page }, text: string) => {
        tab.problems.push({ kind: "policy", text, url: page.url() });
      });
      await context.addInitScript(`document.addEventListener("securitypolicyviolation", (event) => {
        window.__notePolicyViolation(
          [event.effectiveDirective, event.blockedURI, event.sourceFile, event.lineNumber, event.sample].join(" "));
      });`);
      const page = await context.newPage();
      watch(page, tab.problems);
      return {
        page,
        takeProblems: () => tab.problems.splice(0),
        close: () => context.close(),
      };
    },
    problems: () => tabs.flatMap(({ problems }) => problems),
    origins() {
      const asked = wire.requests
        .map(({ method, url }) => (method === "CONNECT" ? `https://${url.replace(/:443$/, "")}` : new URL(url).origin))
        .filter((origin) => !ASKED_BY_CHROMIUM.test(new URL(origin).host));
      return new Set([...pageOrigins, ...asked]);
    },
    async close() {
      await browser.close();
      await wire.stop();
    },
  };
}

/** Chromium logs this for every refusal; the console shows refusals itself. */
const REFUSAL_SAID = /^Failed to load resource: the server responded with a status of 4\d\d /;

function watch(page: Page, problems: PageProblem[]): void {
  const note = (kind: PageProblem["kind"], text: string) => problems.push({ kind, text, url: page.url() });
  page.on("console", (message) => {
    if (message.type() !== "error" && message.type() !== "warning") return;
    if (REFUSAL_SAID.test(message.text()) && message.location().url.includes("/api/")) return;
    note("console", `${message.type()}: ${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => note("error", error.stack ?? error.message));
  page.on("crash", () => note("crash", "the page crashed"));
  page.on("dialog", (dialog) => {
    // The browser itself asks whether to leave the page.
    if (dialog.type() !== "beforeunload") note("dialog", `${dialog.type()}: ${dialog.message()}`);
    void dialog.accept();
  });
}

/** Starts the proxy through which a browser reaches this machine, and nothing else. */
export async function startWire(): Promise<Wire> {
  const requests: { -readonly [Key in keyof SeenRequest]: SeenRequest[Key] }[] = [];
  const agent = new Agent({ keepAlive: true });
  let lost: string | undefined;
  const server = createServer((incoming, outgoing) => {
    const { method = "", url = "", headers } = incoming;
    const seen = {
      method,
      url,
      headers,
      body: Buffer.alloc(0),
      status: undefined as number | undefined,
      bytes: 0,
      type: undefined as string | undefined,
    };
    requests.push(seen);
    const target = new URL(url);
    if (target.hostname !== "localhost" && target.hostname !== "127.0.0.1") {
      outgoing.writeHead(502).end();
      return;
    }
    const upstream = sendRequest(
      { agent, host: target.hostname, port: target.port, path: target.pathname + target.search, method, headers },
      (answer) => {
        seen.status = answer.statusCode;
        seen.type = answer.headers["content-type"];
        if (lost === `${method} ${target.pathname}`) {
          lost = undefined;
          answer.resume();
          // Only after a part of the answer; otherwise Chromium repeats the request on its own.
          outgoing.writeHead(answer.statusCode ?? 502, { ...answer.headers, "content-length": "100000" });
          outgoing.write(" ", () => outgoing.destroy());
          return;
        }
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.on("data", (chunk: Buffer) => (seen.bytes += chunk.length));
        answer.pipe(outgoing);
      },
    );
    upstream.on("error", () => outgoing.destroy());
    outgoing.on("close", () => upstream.destroy());
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      seen.body = Buffer.concat(chunks);
    });
    incoming.pipe(upstream);
  });
  server.on("connect", ({ url = "", headers }, socket) => {
    requests.push({
      method: "CONNECT",
      url,
      headers,
      body: Buffer.alloc(0),
      status: undefined,
      bytes: 0,
      type: undefined,
    });
    socket.on("error", () => undefined);
    socket.end("HTTP/1.1 502 Not here\r\n\r\n");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    loseNextAnswer(method, path) {
      lost = `${method} ${path}`;
    },
    async stop() {
      agent.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** An authenticator like one built into a laptop. It confirms every request, and loses its passkeys when its page closes. */
export interface Authenticator {
  credentials(): Promise<readonly { readonly rpId?: string; readonly isResidentCredential: boolean }[]>;
  /** Whether a user touches it when a page asks; `true` at first. */
  setPresence(isPresent: boolean): Promise<void>;
}

/** Gives a page an authenticator (WebDriver's Virtual Authenticators, WebAuthn §11). */
export async function addAuthenticator(page: Page): Promise<Authenticator> {
  const session: CDPSession = await page.context().newCDPSession(page);
  await session.send("WebAuthn.enable");
  const { authenticatorId } = await session.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      ctap2Version: "ctap2_1",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return {
    async credentials() {
      return (await session.send("WebAuthn.getCredentials", { authenticatorId })).credentials;
    },
    async setPresence(enabled) {
      await session.send("WebAuthn.setAutomaticPresenceSimulation", { authenticatorId, enabled });
    },
  };
}

const AXE = readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");

/** The rules of WCAG 2.2 up to AA, and axe's own advice. */
const AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** The rules among them that depend on colours. */
const AXE_COLOUR_RULES = ["color-contrast", "link-in-text-block"];

/**
 * What axe-core finds on a page as it is now: a line for each element.
 *
 * @param options.isColourOnly runs only the rules that depend on colours, for a page that was checked in other colours
 */
export async function findAxeViolations(
  page: Page,
  { isColourOnly = false }: { readonly isColourOnly?: boolean } = {},
): Promise<readonly string[]> {
  if (!(await page.evaluate<boolean>("'axe' in window"))) await page.evaluate(AXE);
  const runOnly = isColourOnly ? AXE_COLOUR_RULES : AXE_TAGS;
  return await page.evaluate<string[]>(`axe
    .run(document, { runOnly: ${JSON.stringify(runOnly)}, resultTypes: ["violations"] })
    .then(({ violations }) => violations.flatMap(({ id, help, nodes }) =>
      nodes.map(({ target, html, failureSummary }) =>
        [id, help, target.join(" "), html.slice(0, 200), failureSummary.replaceAll("\\n", " ")].join(" | "))))`);
}

/** Everything on a page except its colours: its elements, with their texts and positions. */
export async function readShape(page: Page): Promise<string> {
  return await page.evaluate<string>(`document.body.outerHTML + JSON.stringify(
    [...document.querySelectorAll("body *")].map((element) => element.getBoundingClientRect()))`);
}

/** How far the page reaches beyond the window's right edge, in px, and what does. */
export async function findOverflow(page: Page): Promise<string | undefined> {
  return await page.evaluate<string | undefined>(`(() => {
    const root = document.scrollingElement;
    if (root.scrollWidth <= root.clientWidth) return undefined;
    const wide = [...document.querySelectorAll("body *")].filter(
      (element) => element.getBoundingClientRect().right > root.clientWidth + 1);
    return root.scrollWidth + " of " + root.clientWidth + " px: " +
      wide.slice(-3).map((element) => element.outerHTML.slice(0, 120)).join(" / ");
  })()`);
}

/** Everything that a page's origin has stored in the browser, its address and its document, as one text. */
export async function readStorage(page: Page): Promise<string> {
  const stored = await page.evaluate<Record<string, unknown>>(`(async () => {
    const databases = await Promise.all((await indexedDB.databases()).map(({ name }) => new Promise((resolve, reject) => {
      const opening = indexedDB.open(name);
      opening.onerror = () => reject(opening.error);
      opening.onsuccess = () => {
        const database = opening.result;
        Promise.all([...database.objectStoreNames].map((store) => new Promise((done) => {
          const all = database.transaction(store).objectStore(store).getAll();
          all.onsuccess = () => done(JSON.stringify(all.result));
        }))).then((stores) => resolve([name, stores]));
      };
    })));
    const caches_ = [];
    for (const name of await caches.keys()) {
      const cache = await caches.open(name);
      for (const request of await cache.keys()) caches_.push(request.url, await (await cache.match(request)).text());
    }
    return {
      local: { ...localStorage }, session: { ...sessionStorage }, databases, caches: caches_, cookie: document.cookie,
      address: location.href, state: history.state, name: window.name, document: document.documentElement.outerHTML,
      workers: (await navigator.serviceWorker.getRegistrations()).length,
    };
  })()`);
  assert.equal(stored["workers"], 0, "the console has no service worker");
  return JSON.stringify(stored);
}
