/** Requests to every route of the admin API that are valid apart from the caller, or from what a test replaces. */
import assert from "node:assert/strict";
import { ADMIN, type AdminClient, type AdminRequestOptions, type Operation } from "./admin-client.ts";
import { makeKeyPair, rsaKeyPair } from "./rsa-keys.ts";
import { type ConsoleServer, useLink } from "./console-server.ts";

/** Existing things to request: of the account that some callers are limited to, and of another. */
export interface Things {
  readonly account: string;
  readonly username: string;
  readonly keyId: number;
  readonly operatorId: number;
  readonly webhookId: number;
  /** Each of these makes one thing that the request uses up. */
  readonly sessionId: () => Promise<number>;
  readonly invitationId: () => Promise<number>;
  readonly tokenId: () => Promise<number>;
}

export const ABSENT_ID = 2_000_000_000;

/** Allowed in a {@link ConsoleServer}. Nothing listens at this port. */
const WEBHOOK_URL = "http://127.0.0.1:9/";

/** Things that don't exist. */
export const ABSENT: Things = {
  account: "absent",
  username: "api-9-absent",
  keyId: ABSENT_ID,
  operatorId: ABSENT_ID,
  webhookId: ABSENT_ID,
  sessionId: () => Promise.resolve(ABSENT_ID),
  invitationId: () => Promise.resolve(ABSENT_ID),
  tokenId: () => Promise.resolve(ABSENT_ID),
};

/** A request that is valid apart from the caller, and the values of its path's parameters. */
export interface Sample extends AdminRequestOptions {
  readonly path: string;
}

let number = 0;

/** A name that no other call returns. */
export const unique = (word: string) => `${word}-${++number}`;

/** How each route is called for some things. */
export function sampleOf({ operationId, path }: Operation, things: Things): Promise<Sample> | Sample {
  const at = (parameters: Readonly<Record<string, string | number>> = {}) =>
    Object.entries(parameters).reduce(
      (filled, [name, value]) => filled.replace(`{${name}}`, encodeURIComponent(value)),
      path.slice(ADMIN.length),
    );
  const { account, username, keyId, operatorId, webhookId } = things;
  switch (operationId) {
    case "createAccount":
      return { path: at(), body: { shortname: unique("made") } };
    case "getAccount":
      return { path: at({ shortname: account }) };
    case "changeAccount":
      return { path: at({ shortname: account }), body: { status: "active" } };
    case "createUser":
      return { path: at(), body: { account, name: unique("made"), access: "full" } };
    case "importUsers":
      return { path: at(), body: { account, rows: [{ name: unique("made"), public_key: makeKeyPair().publicPem }] } };
    case "exportUsers":
      return { path: `${at()}?format=csv&account=${account}` };
    case "deactivateUsers":
      return { path: at(), body: { usernames: [username] } };
    case "deactivateKeys":
      return { path: at(), body: { ids: [keyId] } };
    case "getUser":
    case "getUserRefusals":
    case "listKeys":
    case "createKeyChallenge":
      return { path: at({ username }) };
    case "changeUser":
      return { path: at({ username }), body: { status: "active" } };
    case "addKey":
      return { path: at({ username }), body: { public_key: makeKeyPair().publicPem } };
    case "inspectKey":
      return { path: at(), body: { public_key: rsaKeyPair("inspected").publicPem } };
    case "getKey":
    case "listKeyDescendants":
      return { path: at({ id: keyId }) };
    case "changeKey":
      return { path: at({ id: keyId }), body: { label: "walked" } };
    case "getUsage":
    case "getImpact":
      return { path: `${at()}?username=${username}` };
    case "createResourceServer":
      return { path: at(), body: { name: unique("made") } };
    case "getResourceServer":
      return { path: at({ name: "shop" }) };
    case "changeResourceServer":
      return { path: at({ name: "shop" }), body: { status: "active" } };
    case "rotateResourceServerSecret":
      return { path: at({ name: "shop" }), body: {} };
    case "retireSigningKey":
      return { path: at({ number: 1 }), body: { status: "retired" } };
    case "getOperator":
    case "listOperatorSessions":
    case "resetOperator":
      return { path: at({ id: operatorId }) };
    case "changeOperator":
      return { path: at({ id: operatorId }), body: { status: "active" } };
    case "endOperatorSession":
      return things.sessionId().then((id) => ({ path: at({ id: operatorId, session_id: id }) }));
    case "createInvitation":
      return { path: at(), body: { email: `${unique("made")}@example.com`, role: "viewer", account } };
    case "withdrawInvitation":
      return things.invitationId().then((id) => ({ path: at({ id }) }));
    case "createAdminToken":
      return { path: at(), body: { name: unique("made"), role: "viewer", account } };
    case "revokeAdminToken":
      return things.tokenId().then((id) => ({ path: at({ id }) }));
    case "createWebhook":
      return { path: at(), body: { url: WEBHOOK_URL, account } };
    case "getWebhook":
    case "testWebhook":
    case "listWebhookDeliveries":
      return { path: at({ id: webhookId }) };
    case "rotateWebhookSecret":
      return { path: at({ id: webhookId }), body: {} };
    case "changeWebhook":
      return { path: at({ id: webhookId }), body: { label: "walked" } };
    case "planRegistry":
    case "applyRegistry":
      return { path: at(), body: { account, accounts: [{ shortname: account }] } };
    case "exportAuditEvents":
      return { path: `${at()}?format=jsonl` };
    case "explainAssertion":
      return { path: at(), body: { assertion: "JWT x" } };
    case "checkToken":
      return { path: at(), body: { token: "x" } };
    case "startDeviceSignIn":
      return { path: at(), body: { host_name: "laptop" } };
    case "collectDeviceSignIn":
      return { path: at(), body: { device_code: "x" } };
    case "lookAtDeviceSignIn":
    case "denyDeviceSignIn":
      return { path: at(), body: { user_code: "BBBB-BBBB" } };
    case "approveDeviceSignIn":
      return { path: at(), body: { user_code: "BBBB-BBBB", role: "viewer" } };
    case "signOutMyCommandLine":
    case "removePasskey":
    case "endMySession":
      return { path: at({ id: ABSENT_ID }) };
    case "changePassword":
      return { path: at(), body: { new_password: "x" } };
    case "addPasskey":
      return { path: at(), body: { response: {} } };
    default:
      return { path: at() };
  }
}

/** Makes the things that a test requests, in an existing account. */
export async function makeThings(
  console: Pick<ConsoleServer, "api" | "server">,
  owner: AdminClient,
  account: string,
  username: string,
): Promise<Things> {
  const made = async (path: string, body: unknown) => {
    const answer = await owner.post(path, body);
    assert.ok(answer.status === 200 || answer.status === 201, answer.text);
    return answer.body.data;
  };
  const key = await made(`/users/${username}/keys`, { public_key: makeKeyPair().publicPem });
  const webhook = await made("/webhooks", { url: WEBHOOK_URL, account });
  const email = `${unique("somebody")}@example.com`;
  const invitation = await made("/invitations", { email, role: "viewer", account });
  await useLink(console, new URL(invitation.link).hash.slice(1));
  const operatorId: number = (await owner.get(`/operators?q=${email}`)).body.data[0].id;
  return {
    account,
    username,
    keyId: key.id,
    operatorId,
    webhookId: webhook.id,
    sessionId: async () => {
      const reset = await made(`/operators/${operatorId}/reset`, undefined);
      await useLink(console, new URL(reset.link).hash.slice(1));
      return (await owner.get(`/operators/${operatorId}/sessions`)).body.data[0].id;
    },
    invitationId: async () =>
      (await made("/invitations", { email: `${unique("i")}@example.com`, role: "viewer", account })).id,
    tokenId: async () => (await made("/admin-tokens", { name: unique("t"), role: "viewer", account })).id,
  };
}
