/** A real server with operators and admin tokens of every role, made through links and the admin API. */
import assert from "node:assert/strict";
import { type AdminApi, type AdminClient, openAdminApi, TEST_PASSWORD } from "./admin-client.ts";
import { eventually } from "./eventually.ts";
import { makeKeyPair } from "./rsa-keys.ts";
import { type ServerOptions, startServer, type TestServer } from "./server.ts";

/** The password of every operator in a test. */
export const PASSWORD = TEST_PASSWORD;

export interface ConsoleServer {
  readonly server: TestServer;
  readonly api: AdminApi;
  /** The secret of the set-up link that the server printed. */
  readonly setupSecret: string;
}

/** Starts a server on a new store and waits for its set-up link. It may send webhooks to 127.0.0.1. */
export async function startConsoleServer(options: ServerOptions = {}): Promise<ConsoleServer> {
  const env = { COUNTERSIGN_WEBHOOK_NETWORKS: "127.0.0.1", ...options.env };
  const server = await startServer({ ...options, env });
  const setupSecret = await eventually("the server prints a set-up link", () => setupSecretOf(server.stderr()));
  return { server, api: await openAdminApi(server), setupSecret };
}

/** Reads the set-up link from standard error, where it is one line of JSON. */
export function setupSecretOf(stderr: string): string | undefined {
  for (const line of stderr.split("\n")) {
    if (!line.includes('"event":"setup"')) continue;
    const { setup_url: url } = JSON.parse(line) as { setup_url: string };
    return new URL(url).hash.slice(1);
  }
  return undefined;
}

/** The cookie that an answer sets, as a browser sends it back. */
export function cookieOf(headers: Headers): string {
  const [cookie = ""] = headers.getSetCookie().map((line) => line.split(";")[0] ?? "");
  assert.match(cookie, /countersign_session_\d+=.+/);
  return cookie;
}

/** Uses a one-time link with a password. @returns the session's cookie */
export async function useLink(
  { api, server }: Pick<ConsoleServer, "api" | "server">,
  secret: string,
  email?: string,
): Promise<string> {
  const client = api.client.as({ origin: new URL(server.adminUrl).origin });
  const used = await client.post("/links/use", { token: secret, password: PASSWORD, ...(email && { email }) });
  assert.equal(used.status, 200, used.text);
  return cookieOf(used.headers);
}

/** Signs an operator in by password, without a browser. @returns the session's cookie */
export async function signInCookie(
  { api, server }: Pick<ConsoleServer, "api" | "server">,
  email: string,
): Promise<string> {
  const client = api.client.as({ origin: new URL(server.adminUrl).origin });
  const signedIn = await client.post("/sign-in/password", { email, password: PASSWORD });
  assert.equal(signedIn.status, 200, signedIn.text);
  return cookieOf(signedIn.headers);
}

/** Adds a new key to an API user, without another process. @returns its id */
export async function addKey(admin: AdminClient, username: string): Promise<number> {
  const added = await admin.post(`/users/${username}/keys`, { public_key: makeKeyPair().publicPem });
  assert.equal(added.status, 201, added.text);
  return added.body.data.id;
}

/** A caller of the admin API. */
export interface Caller {
  readonly name: string;
  readonly role: "viewer" | "admin" | "owner" | "nobody";
  readonly isLimited: boolean;
  readonly kind: "nobody" | "token" | "session";
  readonly client: AdminClient;
}

/**
 * Makes the first owner by the set-up link, and for every role a session and a token, both limited to `account` and
 * unlimited.
 */
export async function makeCallers(
  console: ConsoleServer,
  account: string,
): Promise<{ readonly callers: readonly Caller[]; readonly owner: AdminClient }> {
  const { api, setupSecret } = console;
  const owner = api.client.as({ cookie: await useLink(console, setupSecret, "first@example.com") });
  const callers: Caller[] = [
    { name: "nobody", role: "nobody", isLimited: false, kind: "nobody", client: api.client },
    { name: "the first owner", role: "owner", isLimited: false, kind: "session", client: owner },
  ];
  for (const role of ["viewer", "admin", "owner"] as const) {
    for (const isLimited of [false, true]) {
      const where = isLimited ? { account } : {};
      const name = `${role}${isLimited ? ` of ${account}` : ""}`;
      const slug = name.replaceAll(" ", "-");
      const made = await owner.post("/admin-tokens", { name: slug, role, ...where });
      assert.equal(made.status, 201, made.text);
      callers.push({
        name: `${name}, by token`,
        role,
        isLimited,
        kind: "token",
        client: api.client.as({ bearer: made.body.data.token }),
      });
      const invited = await owner.post("/invitations", { email: `${slug}@example.com`, role, ...where });
      assert.equal(invited.status, 201, invited.text);
      const cookie = await useLink(console, new URL(invited.body.data.link).hash.slice(1));
      callers.push({
        name: `${name}, by session`,
        role,
        isLimited,
        kind: "session",
        client: api.client.as({ cookie }),
      });
    }
  }
  return { callers, owner };
}
