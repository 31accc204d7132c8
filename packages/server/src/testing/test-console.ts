import { ADMIN_PATH } from "@countersign/protocol";
import { composeInternalListener } from "../compose/internal-listener.ts";
import { composeNode } from "../compose/node.ts";
import type { SingleSignOnSettings } from "../compose/sign-in.ts";
import { parseConfig } from "../config/config.ts";
import type { LastSeen } from "../core/operators/last-seen.ts";
import { createCommit } from "../core/change/commit.ts";
import { openRegistryView } from "../core/view/view.ts";
import { createOrigins } from "../http/admin/http/origins.ts";
import { openHttpServer } from "../http/server/http-server.ts";
import { createRequestIds } from "../http/server/request-id.ts";
import { createLog } from "../platform/logger.ts";
import { createSystemRandom } from "../platform/random.ts";
import { operatorChangesOf, type OperatorChanges } from "./test-operator-changes.ts";
import type { TestClock } from "./test-clock.ts";
import { type HttpAnswer, send } from "./test-http.ts";
import { ROOT, TEST_PASSWORD } from "./test-operators.ts";
import { openTestRegistry, type TestRegistry } from "./test-registry.ts";
import { TEST_MASTER_SECRET, testSigningKeys } from "./test-signing-keys.ts";

/** An answer of the admin API. */
export interface ConsoleAnswer extends HttpAnswer {
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came
  readonly json: any;
  /** Of the first error. */
  readonly code: string | undefined;
  /** The session cookie that was set, as a browser sends it back. */
  readonly cookie: string | undefined;
}

export interface ConsoleRequest {
  readonly cookie?: string | undefined;
  /** The page's origin; by default the console's; `null` for none. */
  readonly origin?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The internal listener on a real socket and a real store. */
export interface TestConsole {
  /** The console's origin. */
  readonly origin: string;
  readonly clock: TestClock;
  readonly registry: TestRegistry;
  readonly changes: OperatorChanges;
  readonly lastSeen: LastSeen;
  /** The log, at its most verbose level. */
  log(): string;
  ask(method: string, path: string, body?: unknown, request?: ConsoleRequest): Promise<ConsoleAnswer>;
  /** Makes an operator by invitation. @returns the session's cookie */
  signUp(email: string, role: "viewer" | "admin" | "owner", account?: string): Promise<string>;
  close(): Promise<void>;
}

export interface TestConsoleOptions {
  readonly adminUrl?: string;
  readonly refusalLimit?: number;
  readonly singleSignOn?: SingleSignOnSettings;
}

/** Has the accounts `acme` and `other`. */
export async function startTestConsole(options: TestConsoleOptions = {}): Promise<TestConsole> {
  const registry = await openTestRegistry();
  const { store, clock } = registry;
  await registry.changes.createAccount("test", { shortname: "acme" });
  await registry.changes.createAccount("test", { shortname: "other" });
  const random = createSystemRandom();
  const nextRequestId = createRequestIds(random);
  const server = await openHttpServer("127.0.0.1", 0, nextRequestId, { reason: "starting" });
  let logged = "";
  const view = await openRegistryView(store, clock);
  const node = composeNode({
    config: parseConfig({
      COUNTERSIGN_ADMIN_URL: options.adminUrl,
      COUNTERSIGN_REFUSAL_LIMIT: String(options.refusalLimit ?? 0),
      COUNTERSIGN_WEBHOOK_NETWORKS: "127.0.0.1",
    }),
    log: createLog("trace", [], (line) => (logged += line)),
    surroundings: { clock, random },
    registry: {
      store,
      view,
      masterSecrets: [TEST_MASTER_SECRET],
      signingKeys: testSigningKeys(1),
      onChanged: () => view.feed.catchUp(),
      commit: createCommit(store, clock, () => view.feed.catchUp()),
      commitWithoutView: createCommit(store, clock),
    },
    nextRequestId,
    publicUrl: "https://auth.example",
    streamCount: () => 0,
  });
  const app = await composeInternalListener(node, server.url, options.singleSignOn);
  server.serve(app.listener, node.publicUrl);
  const { origin } = new URL(createOrigins(options.adminUrl, server.url).consoleUrl);
  const changes = operatorChangesOf(createCommit(store, clock), random);

  const ask: TestConsole["ask"] = async (method, path, body, request = {}) => {
    const page = request.origin === undefined ? origin : request.origin;
    const answer = await send(server.url + ADMIN_PATH + path, method, {
      headers: {
        ...(page !== null && { Origin: page }),
        ...(request.cookie !== undefined && { Cookie: request.cookie }),
        ...(body !== undefined && { "Content-Type": "application/json" }),
        ...request.headers,
      },
      body: body === undefined ? "" : JSON.stringify(body),
    });
    const json: unknown = answer.headers["content-type"]?.startsWith("application/json") ? JSON.parse(answer.body) : {};
    const [error] = (json as { meta?: { errors: { code: string }[] } }).meta?.errors ?? [];
    const cookie = /((?:__Host-)?countersign_session_[\w-]+=[^;]*)/.exec(answer.headers["set-cookie"] ?? "")?.[1];
    return { ...answer, json, code: error?.code, cookie };
  };

  return {
    origin,
    clock,
    registry,
    changes,
    lastSeen: node.lastSeen,
    log: () => logged,
    ask,
    async signUp(email, role, account) {
      const { secret } = await changes.invite(ROOT, { email, role, account: account ?? null });
      const { cookie, body } = await ask("POST", "/links/use", { token: secret, password: TEST_PASSWORD });
      if (cookie === undefined) throw new Error(`the link wasn't taken: ${body}`);
      return cookie;
    },
    async close() {
      await server.drain(100);
      await app.close();
      await registry.close();
    },
  };
}

/** A console whose owner asks, for the tests of handlers. They close it. */
export async function startOwnersConsole() {
  const console = await startTestConsole();
  const cookie = await console.signUp("owner@example.com", "owner");
  return {
    console,
    cookie,
    ask: (method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}) =>
      console.ask(method, path, body, { cookie, headers }),
    /** 0 where no operator has the address. */
    idOf: async (email: string) => (await console.registry.store.operators.findByEmail(email))?.id ?? 0,
  };
}
