/** A real OpenID provider (npm's oidc-provider) for tests, and a browser that follows its redirects. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Provider } from "oidc-provider";
import { reservePort } from "../../packages/server/src/testing/reserve-port.ts";

/** A user of the provider. */
export interface ProvidedUser {
  readonly subject: string;
  readonly email?: string;
  readonly email_verified?: boolean;
  readonly groups?: readonly string[];
}

export interface IdentityProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Who signs in next; `undefined`: a user who declines. */
  user: ProvidedUser | undefined;
  /** Paths that were requested. */
  readonly asked: readonly string[];
  /** Refuses connections until {@link start}. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

const CLIENT_ID = "countersign-console";
const CLIENT_SECRET = "a-client-secret-of-the-tests-that-nobody-may-see";

/**
 * @param redirectUris the client's; read at each start of the provider, since they are known late
 * @param authMethod how the client identifies itself
 */
export async function startIdentityProvider(
  redirectUris: () => readonly string[],
  authMethod: "client_secret_basic" | "client_secret_post" = "client_secret_basic",
): Promise<IdentityProvider> {
  let server: Server | undefined;
  const port = await reservePort();
  const asked: string[] = [];

  const provided: IdentityProvider & { user: ProvidedUser | undefined } = {
    get issuer() {
      return `http://localhost:${port}`;
    },
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    user: undefined,
    asked,
    async stop() {
      server?.closeAllConnections();
      await new Promise((resolve) => server?.close(resolve));
    },
    async start() {
      let listener = (_request: IncomingMessage, response: ServerResponse) => void response.end();
      server = createServer((request, response) => {
        asked.push(request.url ?? "");
        listener(request, response);
      });
      // The same port each time, since it is part of the issuer's name.
      await new Promise<void>((resolve) => server?.listen(port, "127.0.0.1", resolve));
      server.unref();
      const provider = makeProvider(provided.issuer, redirectUris(), authMethod, () => provided.user);
      const answer = provider.callback();
      listener = (request, response) => {
        const interaction = /^\/interaction\/[^/]+$/.test(request.url ?? "");
        if (interaction) void interact(provider, request, response, provided.user);
        else void answer(request, response);
      };
    },
  };
  await provided.start();
  return provided;
}

function makeProvider(
  issuer: string,
  redirectUris: readonly string[],
  authMethod: "client_secret_basic" | "client_secret_post",
  user: () => ProvidedUser | undefined,
): Provider {
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        redirect_uris: [...redirectUris],
        response_types: ["code"],
        grant_types: ["authorization_code"],
        token_endpoint_auth_method: authMethod,
      },
    ],
    clientAuthMethods: [authMethod],
    claims: { openid: ["sub"], email: ["email", "email_verified"], groups: ["groups"] },
    scopes: ["openid", "email", "groups"],
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
    cookies: { keys: ["a-key-of-the-tests"] },
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_context, subject) => ({
      accountId: subject,
      claims: () => {
        const { subject: _, ...claims } = user() ?? { subject };
        return Promise.resolve({ sub: subject, ...claims });
      },
    }),
    async loadExistingGrant({ oidc }) {
      const grant = new oidc.provider.Grant({ accountId: oidc.session?.accountId, clientId: CLIENT_ID });
      grant.addOIDCScope("openid email groups");
      await grant.save();
      return grant;
    },
  });
  // It warns that it is for tests.
  provider.on("server_error", () => undefined);
  return provider;
}

/** Signs in the next user, without a page. */
async function interact(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
  user: ProvidedUser | undefined,
): Promise<void> {
  const result =
    user === undefined
      ? { error: "access_denied", error_description: "a text of the provider that nobody may see" }
      : { login: { accountId: user.subject, remember: false } };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

/** A browser's handling of redirects and cookies, as far as it matters here: cookies have a host and a path. */
export class RedirectingBrowser {
  readonly #cookies = new Map<string, { readonly value: string; readonly host: string; readonly path: string }>();
  /** Every requested URL, in order. */
  readonly visited: string[] = [];

  /** Sends one request. @returns the redirect's target, or the answer's status without a redirect */
  async visit(url: string): Promise<{ readonly status: number; readonly location: string | undefined }> {
    const { host, pathname } = new URL(url);
    this.visited.push(url);
    const cookies = [...this.#cookies].filter(([, cookie]) => cookie.host === host && pathname.startsWith(cookie.path));
    const answer = await fetch(url, {
      redirect: "manual",
      headers: { cookie: cookies.map(([name, { value }]) => `${name.split(" ")[1]}=${value}`).join("; ") },
    });
    for (const line of answer.headers.getSetCookie()) {
      const [pair = "", ...attributes] = line.split("; ");
      const [name = "", value = ""] = pair.split(/=(.*)/s);
      const path = attributes.find((attribute) => /^path=/i.test(attribute))?.slice(5) ?? "/";
      const isGone = attributes.some((attribute) => /^(max-age=0|expires=Thu, 01 Jan 1970)/i.test(attribute));
      if (isGone) this.#cookies.delete(`${host} ${name}`);
      else this.#cookies.set(`${host} ${name}`, { value, host, path });
    }
    await answer.arrayBuffer();
    const location = answer.headers.get("location") ?? undefined;
    return { status: answer.status, location: location && new URL(location, url).href };
  }

  /** Follows redirects until one leads to `stop`, which isn't requested. */
  async follow(url: string, stop: (url: URL) => boolean): Promise<string> {
    let next = url;
    for (let hop = 0; hop < 12; hop++) {
      const { status, location } = await this.visit(next);
      if (location === undefined) throw new Error(`${next} answered ${status} and leads nowhere`);
      if (stop(new URL(location))) return location;
      next = location;
    }
    throw new Error("too many redirects");
  }

  /** The cookie with this name, of any host and path. */
  cookie(name: string): string | undefined {
    return [...this.#cookies].find(([key]) => key.split(" ")[1] === name)?.[1].value;
  }

  /** All cookies. */
  cookieNames(): string[] {
    return [...this.#cookies.keys()].map((key) => key.split(" ")[1] ?? "");
  }
}
