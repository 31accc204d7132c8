import { Refusal } from "../refusal.ts";
import { isClientSecret, matchesSecretHash } from "./client-secret.ts";
import type { ResourceServer, ResourceServerId } from "./model.ts";
import type { RegistryView } from "../view/view.ts";
import type { Clock } from "../surroundings.ts";

/** Ids are positive signed 32-bit integers, which every engine supports. */
const ID_MAX = 2 ** 31 - 1;

/** A resource server's credentials (RFC 6749 §2.3.1). */
export interface ResourceServerCredentials {
  readonly clientId: string;
  readonly clientSecret: string;
}

/**
 * Authenticates a resource server. The result is a promise only if the store must be read.
 *
 * @param mayRead whether the store may be read; `true` by default
 * @throws {Refusal} `client_rejected`, the same for an unknown id, a wrong secret and a deactivated server; `unavailable` if the
 *   store must be read and can't be
 */
export type AuthenticateResourceServer = (
  credentials: ResourceServerCredentials,
  mayRead?: boolean,
) => ResourceServer | Promise<ResourceServer>;

export function createAuthenticateResourceServer(
  view: Pick<RegistryView, "findResourceServer">,
  clock: Clock,
): AuthenticateResourceServer {
  return ({ clientId, clientSecret }, mayRead = true) => {
    const id = /^rs-([1-9][0-9]{0,9})$/.exec(clientId)?.[1];
    // A text that can't be a secret costs neither a hash nor a store lookup.
    if (id === undefined || !isClientSecret(clientSecret)) throw credentialsRejected();
    const judge = (server: ResourceServer | undefined): ResourceServer => {
      if (server === undefined || server.status !== "active") throw credentialsRejected();
      const { previousSecret } = server;
      if (matchesSecretHash(clientSecret, server.secretHash)) return server;
      const isGrace = previousSecret !== null && clock.wallMs() < previousSecret.endsAtMs;
      if (isGrace && matchesSecretHash(clientSecret, previousSecret.hash)) return server;
      throw credentialsRejected();
    };
    const server = Number(id) > ID_MAX ? undefined : view.findResourceServer(Number(id) as ResourceServerId, mayRead);
    return server instanceof Promise ? server.then(judge) : judge(server);
  };
}

/**
 * Reads the credentials from an `Authorization: Basic` header: both parts form-encoded, joined by a colon, then in base64
 * (RFC 6749 §2.3.1, RFC 7617 §2).
 *
 * @throws {Refusal} `client_rejected` if the header is missing or malformed
 */
export function parseBasicCredentials(header: string | undefined): ResourceServerCredentials {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header ?? "")?.[1];
  if (encoded === undefined) throw credentialsMissing();
  const text = Buffer.from(encoded, "base64").toString("latin1");
  const colon = text.indexOf(":");
  if (colon < 0) throw credentialsMissing();
  return { clientId: formDecode(text.slice(0, colon)), clientSecret: formDecode(text.slice(colon + 1)) };
}

/** Decodes percent-encoding. Our ids and secrets don't need it, but many clients encode them anyway. */
function formDecode(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function credentialsMissing(): Refusal {
  return new Refusal("client_rejected", "The request has no resource server credentials.", {
    hint: 'Send "Authorization: Basic …" with the client_id and client_secret that countersign resource-server create printed.',
  });
}

function credentialsRejected(): Refusal {
  return new Refusal("client_rejected", "The resource server's credentials aren't right, or it is deactivated.", {
    hint: "Check client_id and client_secret. countersign resource-server rotate gives a new secret.",
  });
}
