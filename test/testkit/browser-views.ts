/** Every page of the console and its important dialogs, for tests and screenshots of all of them. */
import type { Locator, Page } from "playwright-core";
import { BUSY_USER } from "./browser-data.ts";
import { rsaKeyPair } from "./rsa-keys.ts";
import { chooseSegment, heading, jumpTo, openAddKey } from "./browser-console.ts";

export interface View {
  /** The file name of its screenshot. */
  readonly name: string;
  readonly path: string;
  /** The heading of the page. */
  readonly heading: string | RegExp;
  /** Opens the dialog. */
  readonly open?: (page: Page) => Promise<unknown>;
  /** It resembles another view, so there is no screenshot of it in dark. */
  readonly isMinor?: true;
  /** Needs no signed-in operator. */
  readonly isOutside?: true;
}

const user = { path: `/users/${BUSY_USER}`, heading: new RegExp(`^${BUSY_USER}`) } as const;

async function openFromMenu(page: Page, menu: string | RegExp, item: string): Promise<void> {
  await page.getByRole("button", { name: menu }).first().click();
  await page.getByRole("menuitem", { name: item }).click();
  await page.getByRole("dialog").waitFor();
}

/** Opens the dialog that adds a key, pastes one and asks for its proof. */
export async function openProof(page: Page): Promise<Locator> {
  const dialog = await openAddKey(page);
  await dialog.getByLabel("Public key", { exact: true }).fill(rsaKeyPair("pasted").publicPem);
  await dialog.getByLabel("Prove that the client has the private key").check();
  await dialog.getByRole("region", { name: "Commands that print the proof" }).waitFor();
  return dialog;
}

async function press(page: Page, button: string | RegExp): Promise<void> {
  await page.getByRole("button", { name: button }).first().click();
  await page.getByRole("dialog").waitFor();
}

export const VIEWS: readonly View[] = [
  { name: "sign-in", path: "/sign-in", heading: "Sign in to Countersign", isOutside: true },
  { name: "overview", path: "/", heading: "Overview" },
  {
    name: "palette",
    isMinor: true,
    path: "/",
    heading: "Overview",
    async open(page) {
      await page.keyboard.press("Control+k");
      await page.getByRole("option", { name: "Audit log" }).waitFor();
    },
  },
  { name: "users", path: "/users", heading: "API users" },
  { name: "users-none-found", isMinor: true, path: "/users?q=nobody", heading: "API users" },
  {
    name: "user-new",
    isMinor: true,
    path: "/users",
    heading: "API users",
    open: (page) => press(page, "New API user"),
  },
  { name: "user", ...user },
  {
    name: "user-edit",
    isMinor: true,
    ...user,
    open: (page) => press(page, "Edit"),
  },
  { name: "keys", path: "/keys", heading: "Public keys" },
  { name: "keys-none-found", isMinor: true, path: "/keys?status=revoked&expiring=1d", heading: "Public keys" },
  { name: "user-without-key", isMinor: true, path: "/users/api-4-latex-catalogue", heading: /^api-4-latex-catalogue/ },
  { name: "key-paste", isMinor: true, ...user, open: openAddKey },
  { name: "key-proof", ...user, open: openProof },
  {
    name: "key-make",
    ...user,
    async open(page) {
      const dialog = await openAddKey(page);
      await chooseSegment(dialog, "Make a pair here");
      await dialog.getByRole("button", { name: "Make the pair" }).click();
      await dialog.getByText("not downloaded yet").waitFor();
    },
  },
  {
    name: "key-deactivate",
    ...user,
    async open(page) {
      await press(page, /^Deactivate 2026, eu-west/);
      await page.getByText(/live tokens? stops? at once/).waitFor();
    },
  },
  {
    name: "key-edit",
    isMinor: true,
    ...user,
    open: (page) => openFromMenu(page, /^More for 2026, eu-west/, "Edit…"),
  },
  { name: "key-revoke", ...user, open: (page) => openFromMenu(page, /^More for 2026, eu-west/, "Revoke permanently…") },
  { name: "accounts", path: "/accounts", heading: "Accounts" },
  {
    name: "account-new",
    isMinor: true,
    path: "/accounts",
    heading: "Accounts",
    open: (page) => press(page, "New account"),
  },
  {
    name: "account-edit",
    isMinor: true,
    path: "/accounts",
    heading: "Accounts",
    open: (page) => openFromMenu(page, "More for acme", "Edit…"),
  },
  { name: "account", path: "/accounts/acme", heading: "acme" },
  {
    name: "explain",
    path: "/explain",
    heading: "Explain",
    async open(page) {
      const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
      const assertion = [
        encode({ alg: "RS256", typ: "JWT" }),
        encode({ username: BUSY_USER, iat: 1_700_000_000 }),
        "c2ln",
      ];
      await page.getByLabel("Assertion", { exact: true }).fill(assertion.join("."));
      await page.getByRole("button", { name: "Explain", exact: true }).click();
      await page.getByText("It would be refused now").waitFor();
    },
  },
  { name: "audit", path: "/audit", heading: "Audit log", open: (page) => page.getByText("Chain verified:").waitFor() },
  {
    name: "audit-event",
    isMinor: true,
    path: "/audit",
    heading: "Audit log",
    open: (page) => press(page, /^Details of event/),
  },
  { name: "resource-servers", path: "/resource-servers", heading: "Resource servers" },
  {
    name: "secret-once",
    path: "/resource-servers",
    heading: "Resource servers",
    async open(page) {
      await press(page, "New secret for catalog-api");
      await page.getByRole("button", { name: "Make the new secret" }).click();
      await page.getByRole("dialog", { name: "Store the secret" }).waitFor();
    },
  },
  { name: "webhooks", path: "/webhooks", heading: "Webhooks" },
  {
    name: "webhook-new",
    isMinor: true,
    path: "/webhooks",
    heading: "Webhooks",
    open: (page) => press(page, "New endpoint"),
  },
  { name: "webhook", path: "/webhooks/1", heading: "Pager" },
  {
    name: "webhook-edit",
    isMinor: true,
    path: "/webhooks/1",
    heading: "Pager",
    open: (page) => press(page, "Edit"),
  },
  {
    name: "webhook-secret",
    isMinor: true,
    path: "/webhooks/1",
    heading: "Pager",
    open: (page) => press(page, "New secret"),
  },
  { name: "signing-keys", path: "/signing-keys", heading: "Signing keys" },
  { name: "device", path: "/device", heading: "Sign a command line in" },
  { name: "operators", path: "/operators", heading: "Operators" },
  {
    name: "operator-invite",
    isMinor: true,
    path: "/operators",
    heading: "Operators",
    open: (page) => press(page, "Invite an operator"),
  },
  {
    name: "operator-sessions",
    isMinor: true,
    path: "/operators",
    heading: "Operators",
    open: (page) => openFromMenu(page, /ada@example\.com$/, "Sessions…"),
  },
  { name: "admin-tokens", path: "/admin-tokens", heading: "Admin tokens" },
  {
    name: "admin-token-new",
    isMinor: true,
    path: "/admin-tokens",
    heading: "Admin tokens",
    open: (page) => press(page, "New admin token"),
  },
  { name: "me", path: "/me", heading: "Your sign-in" },
  {
    name: "password",
    isMinor: true,
    path: "/me",
    heading: "Your sign-in",
    open: (page) => press(page, "Change password"),
  },
  { name: "health", path: "/health", heading: "Health" },
  { name: "settings", path: "/settings", heading: "Settings" },
  { name: "not-found", isMinor: true, path: "/nowhere", heading: "Not found" },
];

/** Loads a view, and waits until it is complete. */
export async function goTo(page: Page, url: string, view: View): Promise<void> {
  await page.goto(url + view.path);
  await complete(page, view);
}

/** Like {@link goTo}, from another page of the console and without loading the console anew. */
export async function jumpToView(page: Page, view: View): Promise<void> {
  await jumpTo(page, view.path);
  await complete(page, view);
}

async function complete(page: Page, view: View): Promise<void> {
  await heading(page, view.heading).waitFor();
  await settle(page);
  await view.open?.(page);
  await settle(page);
}

/** Waits until nothing on the page is loading. */
async function settle(page: Page): Promise<void> {
  await page.locator("[aria-busy=true]").first().waitFor({ state: "detached" });
}
