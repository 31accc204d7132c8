/**
 * A client of a running server: signs, exchanges and has tokens checked, and only returns the answers.
 */
import assert from "node:assert/strict";
import type { KeyObject } from "node:crypto";
import {
  connectRaw,
  type RawAnswer,
  type RawConnection,
  requestHead,
} from "../../packages/server/src/testing/raw-http.ts";
import type { TestServer } from "./server.ts";
import { signAssertion } from "./sign-assertion.ts";

/** Adds a public key by `key add … -` and returns its id. */
export async function addPublicKey(server: TestServer, username: string, publicPem: string): Promise<number> {
  const { status, stdout, stderr } = await server.cliWithInput(publicPem, "key", "add", username, "-", "--json");
  assert.equal(status, 0, stderr);
  return (JSON.parse(stdout) as { id: number }).id;
}

/** One API user of a server, on one connection that stays open. */
export interface ApiClient {
  /** Exchanges a new assertion. */
  exchange(): Promise<RawAnswer>;
  /** The same, and returns the token. @throws if there is none */
  token(): Promise<string>;
  check(token: string): Promise<RawAnswer>;
  /** The bytes of the two requests, for a test that sends them itself. */
  exchangeBytes(): string;
  checkBytes(token: string): string;
  readonly connection: RawConnection;
}

export async function connectClient(url: string, username: string, privateKey: KeyObject): Promise<ApiClient> {
  const connection = await connectRaw(url);
  const exchangeBytes = () =>
    requestHead("GET", "/api/auth/v0/refresh/", [["Authorization", `JWT ${signAssertion(username, privateKey)}`]]);
  const checkBytes = (token: string) =>
    requestHead("GET", "/api/auth/v0/check/", [["Authorization", `Token ${token}`]]);
  const ask = (bytes: string) => {
    connection.write(bytes);
    return connection.answer();
  };
  const exchange = () => ask(exchangeBytes());
  return {
    exchange,
    async token() {
      const { status, body } = await exchange();
      assert.equal(status, 200, body);
      return (JSON.parse(body) as { data: { token: string } }).data.token;
    },
    check: (token) => ask(checkBytes(token)),
    exchangeBytes,
    checkBytes,
    connection,
  };
}
