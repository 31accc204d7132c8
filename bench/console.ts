/**
 * The console in a real Chromium: bytes of a cold first load, time until it can be used, and the list of a million API
 * users, both as answers of the admin API and as a page. Each figure is printed beside its limit.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { BrowserContextOptions } from "playwright-core";
import { startBrowser, type TestBrowser } from "../test/testkit/browser.ts";
import { buildConsole, consoleUrl, heading, signInByPassword } from "../test/testkit/browser-console.ts";
import { OWNER, startFilledServer } from "../test/testkit/browser-data.ts";
import { ADMIN } from "../test/testkit/admin-client.ts";
import { startConsoleServer, useLink } from "../test/testkit/console-server.ts";
import { eventually } from "../test/testkit/eventually.ts";
import { temporaryFolder } from "../test/testkit/server.ts";
import { fillSqlite } from "./user-list-store.ts";

const { values: options } = parseArgs({
  options: {
    users: { type: "string", default: "1000000" },
    rounds: { type: "string", default: "30" },
    loads: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
  },
});
const users = Number(options.users);
const rounds = Number(options.rounds);
const loads = Number(options.loads);

const FIRST_LOAD_BYTES_MAX = 250_000;
const INTERACTIVE_MS_MAX = 1000;

/** How many pages after the first one "deep inside" is. */
const DEEP_PAGES = 200;

interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: "bytes" | "ms";
  /** What was measured, or the worst of several measurements. */
  readonly note?: string;
  readonly limit?: number;
}

const figures: Figure[] = [];

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function noteTimes(what: string, times: readonly number[], limit?: number): void {
  const round = (ms: number) => Math.round(ms * 10) / 10;
  figures.push({
    what,
    value: round(median(times)),
    unit: "ms",
    note: `worst of ${times.length}: ${round(Math.max(...times))} ms`,
    ...(limit !== undefined && { limit }),
  });
}

/** Signs in once, so that each load begins with a session but with an empty cache. */
async function sessionOf(browser: TestBrowser, url: string): Promise<BrowserContextOptions> {
  const { page, close } = await browser.openTab();
  await page.goto(`${url}/sign-in`);
  await signInByPassword(page, OWNER);
  await heading(page, "Overview").waitFor();
  const storageState = await page.context().storageState();
  await close();
  return { storageState };
}

async function measureBytes(url: string): Promise<void> {
  // Through the proxy, which counts what is transferred.
  const browser = await startBrowser();
  const session = await sessionOf(browser, url);
  for (const [what, path, context, title] of [
    ["first load of the sign-in page", "/sign-in", {}, "Sign in to Countersign"],
    ["first load of the overview", "/", session, "Overview"],
    ["first load of the list of API users", "/users", session, "API users"],
  ] as const) {
    const before = browser.wire.requests.length;
    const { page, close } = await browser.openTab(context);
    await page.goto(url + path);
    await heading(page, title).waitFor();
    await page.waitForLoadState("networkidle");
    const files = browser.wire.requests
      .slice(before)
      .filter(({ url: asked }) => asked.startsWith(url) && !asked.includes(ADMIN));
    const bytesBy = new Map<string, number>();
    for (const { type = "", bytes } of files) {
      const kind = /html|javascript|css|font|svg/.exec(type)?.[0] ?? type;
      bytesBy.set(kind, (bytesBy.get(kind) ?? 0) + bytes);
    }
    figures.push({
      what,
      value: files.reduce((sum, { bytes }) => sum + bytes, 0),
      unit: "bytes",
      note: `${files.length} files; ${[...bytesBy].map(([kind, bytes]) => `${kind} ${bytes}`).join(", ")}`,
      limit: FIRST_LOAD_BYTES_MAX,
    });
    await close();
  }
  await browser.close();
}

/**
 * Records in the page itself, from the start of the navigation, when its rows are there and its search takes a letter.
 */
const WATCH = `(() => {
  const look = () => {
    const search = document.querySelector("input[type=search]");
    if (document.querySelector("tbody a") !== null && search !== null) {
      search.focus();
      if (document.activeElement === search) {
        window.interactiveMs = performance.now();
        return;
      }
    }
    requestAnimationFrame(look);
  };
  look();
})()`;

async function measureLoads(browser: TestBrowser, url: string, session: BrowserContextOptions, path: string) {
  const interactive: number[] = [];
  const painted: number[] = [];
  for (let load = 0; load < loads; load++) {
    const { page, close } = await browser.openTab(session);
    await page.addInitScript(WATCH);
    await page.goto(url + path);
    interactive.push(
      await eventually("the page can be used", () => page.evaluate<number | undefined>("window.interactiveMs")),
    );
    painted.push(
      await page.evaluate<number>("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN"),
    );
    await close();
  }
  return { interactive, painted };
}

async function measureManyUsers(): Promise<void> {
  const dataDir = temporaryFolder();
  const seconds = await fillSqlite(join(dataDir, "countersign.db"), users);
  process.stderr.write(`filled a store with ${users} API users in ${seconds} s\n`);
  const console_ = await startConsoleServer({ dataDir, flags: ["--refusal-limit", "0"] });
  const { server, api, setupSecret } = console_;
  const owner = api.client.as({ cookie: await useLink(console_, setupSecret, OWNER) });
  const { body } = await owner.post("/admin-tokens", { name: "bench", role: "viewer" });
  const headers = { authorization: `Bearer ${String(body.data.token)}` };

  const ask = async (path: string) => {
    const startedAt = performance.now();
    const answer = await fetch(server.adminUrl + path, { headers });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
    return { ms: performance.now() - startedAt, meta: (JSON.parse(text) as { meta: { next: string | null } }).meta };
  };
  const time = async (what: string, path: (round: number) => string) => {
    const times: number[] = [];
    await ask(path(0));
    for (let round = 0; round < rounds; round++) times.push((await ask(path(round))).ms);
    noteTimes(`GET /users: ${what}`, times);
  };
  const list = `${ADMIN}/users`;
  let deep = list;
  for (let page = 0; page < DEEP_PAGES; page++) deep = (await ask(deep)).meta.next ?? deep;
  // A number of a user named `svc-…`, as the oldest aren't.
  const some = (round: number) => Math.floor(users * (0.4 + (0.5 * (round % rounds)) / rounds));
  await time("first page", () => list);
  await time(`${DEEP_PAGES} pages behind`, () => deep);
  await time("by name", () => `${list}?order=name`);
  await time("search, one", (round) => `${list}?q=svc-${some(round)}`);
  await time("search, most", () => `${list}?q=svc`);
  await time("search, a username's beginning", () => `${list}?q=api-1-svc-4`);
  await time("search, a fingerprint", (round) => `${list}?q=SHA256:1${String(some(round)).padStart(42, "0")}`);
  await time("search, nobody", () => `${list}?q=nobody`);
  await time("of a small account", () => `${list}?account=account-502`);
  await time("of the account with half of all", () => `${list}?account=account-1`);
  await time("deactivated", () => `${list}?status=deactivated`);
  await time("read-only", () => `${list}?access=read_only`);
  await time("all filters and by name", () => `${list}?account=account-8&status=deactivated&access=full&order=name`);

  const url = consoleUrl(server);
  const browser = await startBrowser({ isWatched: false });
  const session = await sessionOf(browser, url);
  for (const [what, path] of [
    ["list of API users", "/users"],
    ["searched", "/users?q=svc-42"],
    ["deactivated ones", "/users?status=deactivated"],
    ["by name", "/users?order=name"],
  ] as const) {
    const { interactive } = await measureLoads(browser, url, session, path);
    noteTimes(`page, ${users} API users, until its rows are shown: ${what}`, interactive, INTERACTIVE_MS_MAX);
  }
  const { page, close } = await browser.openTab(session);
  await page.goto(`${url}/users`);
  await page.locator("tbody").getByRole("link").first().waitFor();
  const typed: number[] = [];
  for (let round = 0; round < loads; round++) {
    const name = `svc-${some(round * 7 + 1)}`;
    const startedAt = performance.now();
    await page.getByLabel("Search API users").fill(name);
    await page
      .getByRole("row")
      .getByText(new RegExp(`-${name}$`))
      .waitFor();
    typed.push(performance.now() - startedAt);
  }
  noteTimes("typed into the search until the row is shown, with the wait for the next letter", typed);
  await close();
  await browser.close();
  await server.stop();
}

await buildConsole();
const server = await startFilledServer({ isAged: false });
await measureBytes(consoleUrl(server));
const quick = await startBrowser({ isWatched: false });
// The first tab of a browser pays for the browser's own start.
const session = await sessionOf(quick, consoleUrl(server));
const { interactive, painted } = await measureLoads(quick, consoleUrl(server), session, "/users");
noteTimes("cold load of the list of API users until it can be used", interactive, INTERACTIVE_MS_MAX);
noteTimes("cold load of the list of API users until first contentful paint", painted);
await quick.close();
await server.stop();
if (users > 0) await measureManyUsers();

if (options.json) process.stdout.write(`${JSON.stringify(figures)}\n`);
else {
  for (const { what, value, unit, note, limit } of figures) {
    const bound =
      limit === undefined ? "" : `  limit ${limit.toLocaleString("en")}${value < limit ? "" : ": EXCEEDED"}`;
    process.stdout.write(
      `${what.padEnd(86)}${value.toLocaleString("en").padStart(9)} ${unit}  ${note ?? ""}${bound}\n`,
    );
  }
}
process.exitCode = figures.every(({ value, limit }) => limit === undefined || value < limit) ? 0 : 1;
