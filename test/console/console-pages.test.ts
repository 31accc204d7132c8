/**
 * Every page of the console is accessible, in light and dark, on a desk and on a phone. Every field of every form either refuses hostile
 * input with an explanation or shows it as plain text.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Locator, Page } from "playwright-core";
import {
  addAuthenticator,
  CHROMIUM_REQUIREMENT,
  findAxeViolations,
  findOverflow,
  readShape,
  startBrowser,
  type Tab,
  type TestBrowser,
} from "../testkit/browser.ts";
import {
  accountMenu,
  buildConsole,
  consoleUrl,
  heading,
  jumpTo,
  openAddKey,
  openSignedIn,
} from "../testkit/browser-console.ts";
import { BUSY_USER, OWNER, startFilledServer } from "../testkit/browser-data.ts";
import { goTo, jumpToView, openProof, VIEWS } from "../testkit/browser-views.ts";
import { setupSecretOf } from "../testkit/console-server.ts";
import { eventually } from "../testkit/eventually.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import { startServer, type TestServer } from "../testkit/server.ts";

const DESK = { name: "desk", viewport: { width: 1280, height: 800 } } as const;
const PHONE = { name: "phone", viewport: { width: 390, height: 844 } } as const;
const SIZES = [DESK, PHONE];

/** If any of this were treated as markup, the page would show traces of it. */
const MARKUP =
  '"><img src=x data-struck onerror="window.struck=1"><script>window.struck=1</script><style>*{display:none}</style><b data-struck>';
/** Right-to-left letters: they must not reverse the text after them. */
const RIGHT_TO_LEFT = "שלום \u0645\u0631\u062d\u0628\u0627 (1)";
/** A character that reverses the text after it (Unicode, UAX #9). */
const OVERRIDE = "\u202etxt.evil\u202c ok";

const HOSTILE: Readonly<Record<string, string>> = {
  empty: "",
  huge: "x".repeat(200_000),
  markup: MARKUP,
  "right to left": RIGHT_TO_LEFT,
  "direction turned around": OVERRIDE,
  emoji: "👩‍🚀🏴‍☠️🚀",
};

const missing = await findMissing(CHROMIUM_REQUIREMENT);

if (missing !== undefined && IS_CI) test("the console's pages", () => assert.fail(missing));
else describe("the console's pages", { skip: missing ?? false, concurrency: 1 }, lookAtPages);

function lookAtPages(): void {
  let browser: TestBrowser;
  let server: TestServer;
  let url: string;
  /** Origins of servers without an operator. */
  const fresh = new Set<string>();

  before(async () => {
    await buildConsole();
    server = await startFilledServer({ isAged: false });
    url = consoleUrl(server);
    browser = await startBrowser();
  });
  after(async () => {
    await browser.close();
    await server.stop();
  });

  async function signIn(options: Parameters<TestBrowser["openTab"]>[0] = {}, email = OWNER): Promise<Tab> {
    const tab = await browser.openTab(options);
    await openSignedIn(tab.page, url, email);
    return tab;
  }

  async function closeTab(tab: Tab): Promise<void> {
    assert.deepEqual(tab.takeProblems(), []);
    await tab.close();
  }

  /** Calls `work` for each item in one of two tabs, each of which takes the next item when it is free. */
  async function inTwoTabs<Item>(
    items: readonly Item[],
    visit: (tab: Tab, item: Item) => Promise<void>,
  ): Promise<void> {
    const waiting = items.values();
    const work = async () => {
      const tab = await signIn();
      await addAuthenticator(tab.page);
      for (const item of waiting) await visit(tab, item);
      await closeTab(tab);
    };
    await Promise.all([work(), work()]);
  }

  test("axe-core finds nothing on any page or dialog, and nothing is wider than the window: in light and dark, on a desk and on a phone", async () => {
    const found: string[] = [];
    const outside = await browser.openTab();
    for (const view of VIEWS.filter(({ isOutside }) => isOutside === true)) {
      await goTo(outside.page, url, view);
      for (const size of SIZES) found.push(...(await lookAt(outside.page, view.name, size)));
    }
    await closeTab(outside);
    const inside = VIEWS.filter(({ isOutside }) => isOutside === undefined);
    await inTwoTabs(inside, async ({ page }, view) => {
      await jumpToView(page, view);
      for (const size of SIZES) found.push(...(await lookAt(page, view.name, size)));
      await page.setViewportSize(DESK.viewport);
    });
    assert.deepEqual(found, []);
  });

  test("axe-core and the other checks find what they look for", async () => {
    const { page, close } = await signIn();
    await page.evaluate(
      `document.querySelector("main").insertAdjacentElement("beforeend", document.createElement("img"))`,
    );
    await page.evaluate(`document.querySelector("h1").append(${JSON.stringify(RIGHT_TO_LEFT)})`);
    await page.evaluate(`document.querySelector("img").style.cssText = "display: block; width: 3000px; height: 10px"`);
    assert.match((await findAxeViolations(page)).join(), /image-alt/);
    assert.match((await findOverflow(page)) ?? "", /<img/);
    await assert.rejects(assertInert(page, "seeded"));
    await close();
  });

  test("axe-core finds nothing on the pages of a one-time link or in the menus, and nothing is wider than the window", async () => {
    const found: string[] = [];
    const empty = await startServer();
    fresh.add(consoleUrl(empty));
    const secret = await eventually("a set-up link", () => setupSecretOf(empty.stderr()));
    const lookAtLink = async ({ page }: Tab) => {
      for (const size of SIZES) {
        await page.goto(`${consoleUrl(empty)}/sign-in`);
        await page.getByText("There is no operator yet.").waitFor();
        found.push(...(await lookAt(page, "sign-in before set-up", size)));
        await page.goto(`${consoleUrl(empty)}/link#${secret}`);
        await page.getByRole("button", { name: "Create a passkey" }).waitFor();
        found.push(...(await lookAt(page, "set-up", size)));
        await page.getByRole("button", { name: "Use a password instead" }).click();
        found.push(...(await lookAt(page, "set-up by password", size)));
      }
    };
    const lookAtMenus = async ({ page }: Tab) => {
      for (const size of SIZES) {
        await page.setViewportSize(size.viewport);
        if (size === PHONE) await page.getByRole("button", { name: "Menu" }).click();
        found.push(...(await lookAt(page, "navigation", size)));
        await accountMenu(page).click();
        const item = page.getByRole("menuitem", { name: "Sign out" });
        await item.waitFor();
        found.push(...(await lookAt(page, "account menu", size)));
        await page.keyboard.press("Escape");
        await item.waitFor({ state: "detached" });
      }
    };
    const outside = await browser.openTab();
    const inside = await signIn();
    await Promise.all([lookAtLink(outside), lookAtMenus(inside)]);
    for (const tab of [inside, outside]) await closeTab(tab);
    await empty.stop();
    assert.deepEqual(found, []);
  });

  test("a chosen colour scheme survives a reload, and on a dark system the page is dark from the start", async () => {
    const { page, close } = await signIn({ colorScheme: "dark" });
    const background = () => page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
    const dark = await background();
    await accountMenu(page).click();
    await page.getByRole("menuitemradio", { name: "Light" }).click();
    await eventually("the page is light", async () => (await background()) !== dark);
    await page.reload();
    await heading(page, "Overview").waitFor();
    assert.notEqual(await background(), dark);
    await close();
  });

  test("every field of every form refuses hostile input with an explanation or shows it as plain text", async (t) => {
    const figures = { fields: 0, values: 0, refused: 0, taken: 0, searched: 0 };
    // The fields of one page stay in one tab, because they may change the same thing.
    const pages = Object.values(Object.groupBy([...FIELDS, ...SEARCHES], ({ path }) => path));
    await inTwoTabs(pages, async ({ page }, fields = []) => {
      for (const field of fields) {
        figures.fields++;
        let scope: Locator | undefined;
        for (const [kind, value] of Object.entries(HOSTILE)) {
          const context = `${field.form}, ${field.name}: ${kind}`;
          scope ??= await openForm(page, field);
          const outcome = await tryValue(field, scope, value, context);
          // A refused value can be replaced in the same form; after an accepted one, the form is opened again.
          if (outcome === "taken") scope = undefined;
          figures.values++;
          figures[outcome]++;
          await assertInert(page, context);
        }
      }
    });
    const tab = await signIn();
    const { page } = tab;
    // Accepted values are now on some page, such as the audit log.
    const shown = { markup: 0, rightToLeft: 0 };
    for (const view of VIEWS.filter(({ isOutside, open }) => isOutside === undefined && open === undefined)) {
      await goTo(page, url, view);
      await assertInert(page, view.name);
      shown.markup += await page.getByText("<script>window.struck=1</script>").count();
      shown.rightToLeft += await page.getByText(RIGHT_TO_LEFT).count();
      const overflow = await findOverflow(page);
      assert.equal(overflow, undefined, view.name);
    }
    assert.ok(shown.markup > 2 && shown.rightToLeft > 2, `accepted values are shown: ${JSON.stringify(shown)}`);
    await closeTab(tab);
    assert.ok(figures.refused > figures.taken && figures.taken > 10 && figures.searched > 20, JSON.stringify(figures));
    t.diagnostic(`hostile input: ${JSON.stringify(figures)}`);
    process.stdout.write(`the console, hostile input: ${JSON.stringify(figures)}\n`);
  });

  test("so do the fields before the sign-in", async () => {
    const empty = await startServer({ flags: ["--refusal-limit", "0"] });
    fresh.add(consoleUrl(empty));
    const secret = await eventually("a set-up link", () => setupSecretOf(empty.stderr()));
    const tab = await browser.openTab();
    const { page } = tab;
    const refused = async (submit: string, context: string) => {
      await page.getByRole("button", { name: submit, exact: true }).click();
      await refusalIn(page.locator("main"), context);
      await assertInert(page, context);
    };
    await page.goto(`${consoleUrl(empty)}/link#${secret}`);
    await page.getByRole("button", { name: "Use a password instead" }).click();
    for (const [kind, value] of Object.entries(HOSTILE)) {
      await page.getByLabel("Password", { exact: true }).fill("a good long password");
      await page.getByLabel("Your e-mail address").fill(value);
      await refused("Set the password", `set-up, e-mail address: ${kind}`);
    }
    await page.getByLabel("Your e-mail address").fill("ada@example.com");
    for (const [kind, value] of Object.entries(HOSTILE)) {
      // To the service, markup is a valid password.
      if (kind === "markup" || kind === "direction turned around") continue;
      await page.getByLabel("Password", { exact: true }).fill(value);
      await refused("Set the password", `set-up, password: ${kind}`);
    }
    // Not the owner, because an operator who fails this often has to wait.
    const email = "linus@example.com";
    await page.goto(`${url}/sign-in`);
    for (const [kind, value] of Object.entries(HOSTILE)) {
      await page.getByLabel("Password", { exact: true }).fill("something");
      await page.getByLabel("E-mail address").fill(value);
      await refused("Sign in", `sign-in, e-mail address: ${kind}`);
      await page.getByLabel("E-mail address").fill(email);
      await page.getByLabel("Password", { exact: true }).fill(value);
      await refused("Sign in", `sign-in, password: ${kind}`);
    }
    await page.getByRole("button", { name: "Use a recovery code instead" }).click();
    for (const [kind, value] of Object.entries(HOSTILE)) {
      await page.getByLabel("E-mail address").fill(email);
      await page.getByLabel("Recovery code").fill(value);
      await refused("Sign in", `sign-in, recovery code: ${kind}`);
    }
    for (const value of ["", MARKUP, RIGHT_TO_LEFT, OVERRIDE, "%", "%ff"]) {
      await page.goto(`${url}/sign-in?error=${encodeURIComponent(value)}&to=${encodeURIComponent(value)}`);
      await heading(page, "Sign in to Countersign").waitFor();
      await assertInert(page, `sign-in, ?error=${value}`);
      await page.goto("about:blank");
      await page.goto(`${url}/link#${value}`);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await assertInert(page, `link#${value}`);
    }
    assert.deepEqual(tab.takeProblems(), []);
    await tab.close();
    await empty.stop();
  });

  test("a hostile address leads to a page that explains it", async () => {
    const { page, close, takeProblems } = await signIn();
    for (const part of [
      encodeURIComponent(MARKUP),
      encodeURIComponent(RIGHT_TO_LEFT),
      encodeURIComponent(OVERRIDE),
      "%F0%9F%9A%80",
      "%",
      "%ff",
      "x".repeat(3000),
    ]) {
      for (const path of [
        `/users/${part}`,
        `/${part}`,
        `/users?account=${part}&status=${part}&order=${part}&cursor=${part}`,
        `/audit?action=${part}&from=${part}`,
        `/keys?account=${part}&unused=${part}&expiring=${part}&weak=${part}&cursor=${part}`,
        `/webhooks/${part}`,
      ]) {
        const context = path.slice(0, 100);
        await page.goto(url + path);
        const said = page
          .getByRole("alert")
          .or(page.getByText(/No page at this address|No (API user|event|key) matches/))
          .first();
        await eventually(`${context}: the page says so`, async () => (await said.count()) > 0);
        await assertInert(page, context);
      }
    }
    assert.deepEqual(takeProblems(), []);
    await close();
  });

  test("all requests went to the console", () => {
    const others = [...browser.origins()].filter((origin) => origin !== url && !fresh.has(origin));
    assert.deepEqual(others, []);
  });
}

/** A field of a form or a search, and how to get there. */
interface Field {
  readonly form: string;
  readonly name: string;
  readonly path: string;
  /** Opens the form and fills its other fields. @returns the form */
  readonly open: (page: Page) => Promise<Locator>;
  readonly find: (scope: Locator) => Locator;
  /** The button that sends it; a search has none. */
  readonly submit?: string;
  /** What shows that the value was accepted, if it isn't just that the dialog closes. */
  readonly taken?: (page: Page) => Locator;
}

async function dialogBy(page: Page, button: string | RegExp): Promise<Locator> {
  await page.getByRole("button", { name: button }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  return dialog;
}

async function dialogFromMenu(page: Page, menu: RegExp, item: string): Promise<Locator> {
  await page.getByRole("button", { name: menu }).first().click();
  await page.getByRole("menuitem", { name: item }).click();
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  return dialog;
}

const label = (text: string) => (scope: Locator) => scope.getByLabel(text, { exact: true });
const textbox = (scope: Locator) => scope.getByRole("textbox").first();

let made = 0;

async function newUser(page: Page): Promise<Locator> {
  await jumpTo(page, "/users?account=acme");
  const dialog = await dialogBy(page, "New API user");
  await dialog.getByLabel("Name of the API user").fill(`named-${++made}`);
  return dialog;
}

async function newUserAndAccount(page: Page): Promise<Locator> {
  const dialog = await dialogBy(page, "New API user");
  await dialog.getByRole("textbox", { name: "Account", exact: true }).click();
  await page.getByRole("option", { name: "Create an account…" }).click();
  await dialog.getByLabel("Shortname").fill(`account-${++made}`);
  await dialog.getByLabel("Name of the API user").fill("named");
  return dialog;
}

async function newEndpoint(page: Page): Promise<Locator> {
  const dialog = await dialogBy(page, "New endpoint");
  await dialog.getByLabel("URL").fill("http://127.0.0.1:9/hook");
  return dialog;
}

async function madeKey(page: Page): Promise<Locator> {
  const dialog = await openAddKey(page);
  await dialog.getByRole("button", { name: "Make a pair here" }).click();
  await dialog.getByRole("button", { name: "Make the pair" }).click();
  await dialog.getByText("not downloaded yet").waitFor();
  await dialog.getByRole("button", { name: "Download", exact: true }).click();
  return dialog;
}

const userPath = `/users/${BUSY_USER}`;
const createUserButton = "Create, then add a key";
const keyAsked = (page: Page) => page.getByRole("dialog", { name: /^Add a key to / });
const secretShown = (page: Page) => page.getByRole("dialog", { name: /^(Store|Send) the / });

const FIELDS: readonly Field[] = [
  {
    form: "API user",
    name: "account",
    path: "/users",
    open: (page) => dialogBy(page, "New API user"),
    find: (scope) => scope.getByRole("textbox", { name: "Account", exact: true }),
    submit: createUserButton,
    taken: keyAsked,
  },
  {
    form: "API user",
    name: "name",
    path: "/users",
    open: newUser,
    find: label("Name of the API user"),
    submit: createUserButton,
    taken: keyAsked,
  },
  {
    form: "API user",
    name: "shortname",
    path: "/users",
    open: newUserAndAccount,
    find: label("Shortname"),
    submit: createUserButton,
    taken: keyAsked,
  },
  {
    form: "API user",
    name: "name of the account",
    path: "/users",
    open: newUserAndAccount,
    find: label("Name of the account"),
    submit: createUserButton,
    taken: keyAsked,
  },
  {
    form: "API user",
    name: "networks",
    path: "/users",
    open: newUser,
    find: label("Networks"),
    submit: createUserButton,
    taken: keyAsked,
  },
  {
    form: "API user, changed",
    name: "networks",
    path: userPath,
    open: (page) => dialogBy(page, "Edit"),
    find: label("Networks"),
    submit: "Save",
  },
  { form: "key", name: "proof", path: userPath, open: openProof, find: label("Proof"), submit: "Add key" },
  { form: "key", name: "public key", path: userPath, open: openAddKey, find: label("Public key"), submit: "Add key" },
  {
    form: "key",
    name: "label",
    path: userPath,
    open: madeKey,
    find: label("Label"),
    submit: "Add key",
    taken: (page) => page.getByRole("dialog", { name: "The key is added" }),
  },
  {
    form: "key, changed",
    name: "label",
    path: userPath,
    open: (page) => dialogFromMenu(page, /^More for/, "Edit…"),
    find: label("Label"),
    submit: "Save",
  },
  {
    form: "key, changed",
    name: "networks",
    path: userPath,
    open: (page) => dialogFromMenu(page, /^More for/, "Edit…"),
    find: label("Networks"),
    submit: "Save",
  },
  {
    form: "key, revoked",
    name: "what has to be typed",
    path: userPath,
    open: (page) => dialogFromMenu(page, /^More for/, "Revoke permanently…"),
    find: textbox,
    submit: "Revoke permanently",
  },
  {
    form: "account",
    name: "shortname",
    path: "/accounts",
    open: (page) => dialogBy(page, "New account"),
    find: label("Shortname"),
    submit: "Create account",
  },
  {
    form: "account",
    name: "name",
    path: "/accounts",
    async open(page) {
      const dialog = await dialogBy(page, "New account");
      await dialog.getByLabel("Shortname").fill(`account-${++made}`);
      return dialog;
    },
    find: label("Name"),
    submit: "Create account",
  },
  {
    form: "account, changed",
    name: "name",
    path: "/accounts",
    open: (page) => dialogFromMenu(page, /^More for acme/, "Edit…"),
    find: label("Name"),
    submit: "Save",
  },
  {
    form: "account, changed",
    name: "maximum age of keys",
    path: "/accounts",
    open: (page) => dialogFromMenu(page, /^More for acme/, "Edit…"),
    find: label("Maximum age of keys"),
    submit: "Save",
  },
  {
    form: "webhook endpoint",
    name: "URL",
    path: "/webhooks",
    open: newEndpoint,
    find: label("URL"),
    submit: "Create endpoint",
    taken: secretShown,
  },
  {
    form: "webhook endpoint",
    name: "label",
    path: "/webhooks",
    open: newEndpoint,
    find: label("Label"),
    submit: "Create endpoint",
    taken: secretShown,
  },
  {
    form: "webhook endpoint",
    name: "events",
    path: "/webhooks",
    open: newEndpoint,
    find: label("Events"),
    submit: "Create endpoint",
    taken: secretShown,
  },
  {
    form: "webhook endpoint, changed",
    name: "label",
    path: "/webhooks/2",
    open: (page) => dialogBy(page, "Edit"),
    find: label("Label"),
    submit: "Save",
  },
  {
    form: "resource server",
    name: "name",
    path: "/resource-servers",
    open: (page) => dialogBy(page, "New resource server"),
    find: label("Name"),
    submit: "Create resource server",
    taken: secretShown,
  },
  {
    form: "signing key, retired",
    name: "its number",
    path: "/signing-keys",
    open: (page) => dialogBy(page, /^Retire signing key/),
    find: textbox,
    submit: "Retire it and end its tokens",
  },
  {
    form: "invitation",
    name: "e-mail address",
    path: "/operators",
    open: (page) => dialogBy(page, "Invite an operator"),
    find: label("E-mail address"),
    submit: "Make the link",
    taken: secretShown,
  },
  {
    form: "admin token",
    name: "name",
    path: "/admin-tokens",
    open: (page) => dialogBy(page, "New admin token"),
    find: label("Name"),
    submit: "Create admin token",
    taken: secretShown,
  },
  {
    form: "passkey",
    name: "label",
    path: "/me",
    open: (page) => dialogBy(page, "Add a passkey"),
    find: label("Label"),
    submit: "Create the passkey",
  },
  {
    form: "password",
    name: "current password",
    path: "/me",
    async open(page) {
      const dialog = await dialogBy(page, "Change password");
      await dialog.getByLabel("New password", { exact: true }).fill("a good long password");
      return dialog;
    },
    find: label("Current password"),
    submit: "Set password",
  },
  {
    form: "password",
    name: "new password",
    path: "/me",
    async open(page) {
      const dialog = await dialogBy(page, "Change password");
      // Wrong, so that the password stays the same.
      await dialog.getByLabel("Current password", { exact: true }).fill("not the present one");
      return dialog;
    },
    find: label("New password"),
    submit: "Set password",
  },
  {
    form: "explain",
    name: "assertion",
    path: "/explain",
    open: main,
    find: label("Assertion"),
    submit: "Explain",
    taken: (page) => page.getByRole("region", { name: "Explanation" }),
  },
  {
    form: "explain",
    name: "token",
    path: "/explain",
    async open(page) {
      await page.getByRole("button", { name: "A token" }).click();
      return main(page);
    },
    find: label("Token"),
    submit: "Check",
    taken: (page) => page.getByRole("region", { name: "Report" }),
  },
];

async function main(page: Page): Promise<Locator> {
  return page.locator("main");
}

const SEARCHES: readonly Field[] = [
  { form: "API users", name: "search", path: "/users", open: main, find: label("Search API users") },
  {
    form: "API users",
    name: "account",
    path: "/users",
    open: main,
    find: (scope) => scope.getByRole("textbox", { name: "Account", exact: true }),
  },
  { form: "accounts", name: "search", path: "/accounts", open: main, find: label("Search accounts") },
  { form: "audit log", name: "actor", path: "/audit", open: main, find: label("Actor") },
  { form: "audit log", name: "subject", path: "/audit", open: main, find: label("Subject") },
  {
    form: "resource servers",
    name: "search",
    path: "/resource-servers",
    open: main,
    find: label("Search resource servers"),
  },
  { form: "operators", name: "search", path: "/operators", open: main, find: label("Search operators") },
];

async function openForm(page: Page, field: Field): Promise<Locator> {
  await jumpTo(page, field.path);
  return await field.open(page);
}

/**
 * Looks at a page at one size, in light and then in dark. In dark, the rules that don't depend on colours are left out if nothing but
 * the colours has changed.
 *
 * @returns what axe-core finds, and what is wider than the window
 */
async function lookAt(
  page: Page,
  what: string,
  { name, viewport }: { readonly name: string; readonly viewport: { width: number; height: number } },
): Promise<readonly string[]> {
  const found: string[] = [];
  await page.setViewportSize(viewport);
  let lightShape: string | undefined;
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    const shape = await readShape(page);
    const violations = await findAxeViolations(page, { isColourOnly: shape === lightShape });
    lightShape = shape;
    const overflow = await findOverflow(page);
    for (const each of [...violations, ...(overflow === undefined ? [] : [overflow])]) {
      found.push(`${what}, ${name}, ${colorScheme}: ${each}`);
    }
  }
  return found;
}

/** Fills a field, sends the form, and waits for the console's response. */
async function tryValue(
  field: Field,
  scope: Locator,
  value: string,
  context: string,
): Promise<"refused" | "taken" | "searched"> {
  const page = scope.page();
  const input = field.find(scope);
  await input.fill(value);
  // Leave the field, as people do, so that its list closes.
  await input.press("Tab");
  if (field.submit === undefined) {
    await settleSearch(page, input, value, context);
    return "searched";
  }
  const button = scope.getByRole("button", { name: field.submit, exact: true });
  if (await button.isEnabled()) await button.click();
  return await eventually(`${context}: the console responds`, async () => {
    if (field.taken !== undefined && (await field.taken(page).count()) > 0) return "taken";
    if (field.taken === undefined && (await scope.count()) === 0) return "taken";
    if ((await button.and(page.locator(":disabled:not([data-loading])")).count()) > 0) return "refused";
    return (await refusal(scope)) === undefined ? undefined : "refused";
  });
}

/** The explanation of a refusal: an alert, a message at a field, or the browser's own. */
async function refusal(scope: Locator): Promise<string | undefined> {
  const alerts = await scope.getByRole("alert").allInnerTexts();
  const invalid = scope.locator("[aria-invalid=true]");
  const notes: string[] = [];
  for (const each of await invalid.all()) {
    const id = (await each.getAttribute("aria-describedby")) ?? (await each.getAttribute("aria-errormessage")) ?? "";
    for (const one of id.split(" ").filter((part) => part !== "")) {
      notes.push(...(await scope.page().locator(`[id="${one}"]`).allInnerTexts()));
    }
  }
  const native = await scope.locator("input:invalid, textarea:invalid").count();
  const words = [...alerts, ...notes, ...(native > 0 ? ["the browser says so"] : [])].filter(
    (text) => text.trim() !== "",
  );
  return words[0];
}

async function refusalIn(scope: Locator, context: string): Promise<void> {
  await eventually(`${context}: the refusal is explained`, () => refusal(scope));
}

/** Waits until a search shows the number of results, that there are none, or an error. */
async function settleSearch(page: Page, input: Locator, value: string, context: string): Promise<void> {
  const typed = value.trim();
  if (typed !== "" && (await input.getAttribute("type")) === "search") {
    await eventually(`${context}: the address has it, or the page says why not`, async () => {
      const search = new URL(page.url()).searchParams;
      return [...search.values()].some((each) => each !== "") || (await refusal(page.locator("main"))) || undefined;
    });
  }
  await page.locator("[aria-busy=true]").first().waitFor({ state: "detached" });
  await page
    .getByRole("status")
    .or(page.getByRole("alert"))
    .or(page.getByText(/^No .* matches$/))
    // The status of what is chosen is there, and empty.
    .filter({ visible: true })
    .first()
    .waitFor();
}

/** No script ran, no element was created, and right-to-left text is isolated. */
async function assertInert(page: Page, context: string): Promise<void> {
  const found = await page.evaluate<{ ran: boolean; elements: number; loose: string[] }>(`({
    ran: "struck" in window,
    elements: document.querySelectorAll("[data-struck], img[src=x], #root style").length,
    loose: ${LOOSE}.map((element) => element.outerHTML.slice(0, 200)),
  })`);
  assert.deepEqual(found, { ran: false, elements: 0, loose: [] }, context);
}

/** Elements that hold right-to-left text. */
const RTL_ELEMENTS = `[...document.querySelectorAll("#root *, [role=dialog] *")].filter((element) =>
  [...element.childNodes].some((node) => node.nodeType === 3 && /[\\u202e\\u0590-\\u06ff]/.test(node.data)))`;
const LOOSE = `${RTL_ELEMENTS}.filter((element) => !element.closest("bdi, textarea, pre, option, [dir=auto]") &&
  !(element.childNodes.length === 1 && /isolate|plaintext/.test(getComputedStyle(element).unicodeBidi)))`;
