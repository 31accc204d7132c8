/**
 * The peer to compare with: npm's oidc-provider, which keeps opaque tokens in memory and answers introspection. Prints
 * its URL, the credentials and a token to introspect.
 */
import type { AddressInfo } from "node:net";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

// Its notices would go to standard output, which is for the line with the URL.
for (const level of ["info", "log", "warn"] as const)
  console[level] = (...words) => process.stderr.write(`${words.join(" ")}\n`);

const CLIENT = { id: "bench", secret: "a-secret-of-the-benchmark-alone-000000" };

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        grant_types: ["client_credentials"],
        response_types: [],
        redirect_uris: [],
        token_endpoint_auth_method: "client_secret_basic",
      },
    ],
    features: {
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      devInteractions: { enabled: false },
    },
  });
  const callback = provider.callback();
  server.on("request", (request, response) => void callback(request, response));
  void announce(issuer);
});

async function announce(issuer: string): Promise<void> {
  const authorization = `Basic ${Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString("base64")}`;
  const body = new URLSearchParams({ grant_type: "client_credentials" });
  const answer = await fetch(`${issuer}/token`, { method: "POST", headers: { authorization }, body });
  const { access_token: token } = (await answer.json()) as { access_token: string };
  process.stdout.write(`${JSON.stringify({ url: `${issuer}/token/introspection`, authorization, token })}\n`);
}
process.once("SIGTERM", () => process.exit());
