import { Refusal } from "../refusal.ts";
import { isClientSecret, matchesSecretHash } from "./client-secret.ts";
import type { ResourceServer, ResourceServerId } from "./model.ts";
import type { RegistryView } from "../view/view.ts";
import type { Clock } from "../surroundings.ts";

/** Ids are positive 32-bit integers that every engine knows. */
const ID_MAX = 2 ** 31 - 1;

/** What a resource server says of itself (RFC 6749 §2.3.1). */
export interface ResourceServerCredentials {
  readonly clientId: string;
  readonly clientSecret: string;
}

/**
 * Authenticates a resource server; comes back at once unless the store has to be asked.
 *
 * @param mayAsk whether the store may be asked; true unless given
 * @throws {Refusal} `client_rejected`, one answer for an unknown id, a wrong secret and a server that is deactivated;
 *   `unavailable` where the store has to be asked and can't be
 */
export type AuthenticateResourceServer = (
  credentials: ResourceServerCredentials,
  mayAsk?: boolean,
) => ResourceServer | Promise<ResourceServer>;

export function createAuthenticateResourceServer(
  view: Pick<RegistryView, "findResourceServer">,
  clock: Clock,
): AuthenticateResourceServer {
  return ({ clientId, clientSecret }, mayAsk = true) => {
    const id = /^rs-([1-9][0-9]{0,9})$/.exec(clientId)?.[1];
    // What no secret can be costs neither a hash nor a question to the store.
    if (id === undefined || !isClientSecret(clientSecret)) throw credentialsRejected();
    const judge = (server: ResourceServer | undefined): ResourceServer => {
      if (server === undefined || server.status !== "active") throw credentialsRejected();
      const { previousSecret } = server;
      if (matchesSecretHash(clientSecret, server.secretHash)) return server;
      const isGrace = previousSecret !== null && clock.wallMs() < previousSecret.endsAtMs;
      if (isGrace && matchesSecretHash(clientSecret, previousSecret.hash)) return server;
      throw credentialsRejected();
    };
    const server = Number(id) > ID_MAX ? undefined : view.findResourceServer(Number(id) as ResourceServerId, mayAsk);
    return server instanceof Promise ? server.then(judge) : judge(server);
  };
}

/**
 * The credentials in an `Authorization: Basic` header: both parts form-encoded, then joined by a colon, then in base64
 * (RFC 6749 §2.3.1, RFC 7617 §2).
 *
 * @throws {Refusal} `client_rejected` where there is no such header, or it can't be read
 */
export function parseBasicCredentials(header: string | undefined): ResourceServerCredentials {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header ?? "")?.[1];
  if (encoded === undefined) throw credentialsMissing();
  const text = Buffer.from(encoded, "base64").toString("latin1");
  const colon = text.indexOf(":");
  if (colon < 0) throw credentialsMissing();
  return { clientId: formDecode(text.slice(0, colon)), clientSecret: formDecode(text.slice(colon + 1)) };
}

/** Ids and secrets have no character that is changed by encoding; many clients encode all the same. */
function formDecode(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function credentialsMissing(): Refusal {
  return new Refusal("client_rejected", "The request has no credentials of a resource server.", {
    hint: 'Send "Authorization: Basic …" with the client_id and client_secret that countersign resource-server create printed.',
  });
}

function credentialsRejected(): Refusal {
  return new Refusal("client_rejected", "The resource server's credentials aren't right, or it is deactivated.", {
    hint: "Check client_id and client_secret. countersign resource-server rotate gives a new secret.",
  });
}
