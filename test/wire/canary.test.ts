/**
 * Puts secrets into every place where a client or an operator may put one, and then searches everything that the
 * product wrote: log, standard error, answers, metrics, files. None of it may contain a secret, or a piece of one.
 */
import assert from "node:assert/strict";
import { createHash, type KeyObject, randomBytes } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { addPublicKey } from "../testkit/api-client.ts";
import { makeKeyPair } from "../testkit/rsa-keys.ts";
import { eventually } from "../testkit/eventually.ts";
import { connectRaw, type RawAnswer, requestHead, sendRaw } from "../../packages/server/src/testing/raw-http.ts";
import { environment, type ProgramResult } from "../testkit/run-program.ts";
import { runCountersign } from "../testkit/run-countersign.ts";
import { startServer, temporaryFolder, tokenCommand, type TestServer } from "../testkit/server.ts";
import { signAssertion } from "../testkit/sign-assertion.ts";

const REFRESH = "/api/auth/v0/refresh/";
const CHECK = "/api/auth/v0/check/";
const CHANGES = "/api/auth/v0/changes/";
const OAUTH = ["/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"] as const;
const JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/** The shortest piece of a secret that counts as a leak, in characters. */
const PIECE_CHARACTERS = 20;

/** Records secrets and finds every piece of them in a text. */
class Canaries {
  readonly #pieces = new Map<string, string>();

  /** A secret without a recognisable form. It only looks random, so that every run is the same. */
  random(place: string): string {
    const bytes = createHash("sha256").update(`${place} ${this.#pieces.size}`).digest();
    return this.add(place, bytes.toString("base64url"));
  }

  add(place: string, secret: string): string {
    for (let at = 0; at + PIECE_CHARACTERS <= secret.length; at++) {
      this.#pieces.set(secret.slice(at, at + PIECE_CHARACTERS), place);
    }
    return secret;
  }

  /** An assertion without its header, which is the same for all and not secret. */
  addAssertion(place: string, assertion: string): string {
    this.add(place, assertion.slice(assertion.indexOf(".")));
    return assertion;
  }

  /** All spellings in which a private key may be written. */
  addPrivateKey(place: string, key: KeyObject): void {
    const { d = "", p = "", q = "", dp = "", dq = "", qi = "" } = key.export({ format: "jwk" });
    for (const member of [d, p, q, dp, dq, qi]) {
      const bytes = Buffer.from(member, "base64url");
      for (const encoding of ["base64url", "base64", "hex", "latin1"] as const)
        this.add(place, bytes.toString(encoding));
    }
    for (const type of ["pkcs8", "pkcs1"] as const) {
      const base64 = key.export({ format: "der", type }).toString("base64");
      // The first part is the modulus, which is public.
      this.add(place, base64.slice(base64.length / 3));
    }
  }

  /** The places whose secrets are in the text, completely or in part. */
  find(text: string): string[] {
    const found = new Set<string>();
    for (let at = 0; at + PIECE_CHARACTERS <= text.length; at++) {
      const place = this.#pieces.get(text.slice(at, at + PIECE_CHARACTERS));
      if (place !== undefined) found.add(place);
    }
    return [...found];
  }

  assertAbsent(where: string, text: string): void {
    assert.deepEqual(this.find(text), [], `${where} contains what was sent as these`);
    // Line ends in a private key's text may be written in any way.
    assert.deepEqual(this.find(text.replaceAll(/\\[rn]|\s/g, "")), [], `${where} contains what was sent as these`);
  }
}

/** A private key as text, in the forms in which operators paste one. */
function privateKeyTexts(): { readonly key: KeyObject; readonly texts: Readonly<Record<string, string>> } {
  const { privateKey, privatePem: pem } = makeKeyPair();
  return {
    key: privateKey,
    texts: {
      "PKCS#8 PEM": pem,
      "PKCS#1 PEM": privateKey.export({ format: "pem", type: "pkcs1" }),
      "PEM in one line": pem.replaceAll("\n", " "),
      "PEM with escaped line ends": pem.replaceAll("\n", String.raw`\n`),
      "PEM with CRLF": pem.replaceAll("\n", "\r\n"),
      "PEM behind other text": `Our key, keep it safe:\n${pem}`,
      "PEM cut off": pem.slice(0, 1200),
      "PEM without its markers": pem.replaceAll(/-----.*-----|\s/g, ""),
      JWK: JSON.stringify(privateKey.export({ format: "jwk" })),
      "JWK Set": JSON.stringify({ keys: [privateKey.export({ format: "jwk" })] }),
    },
  };
}

test("the search finds a secret, and a piece of one", () => {
  const canaries = new Canaries();
  const secret = canaries.random("here");
  const { key, texts } = privateKeyTexts();
  canaries.addPrivateKey("key", key);
  assert.deepEqual(canaries.find(`a ${secret.slice(3, 23)} b`), ["here"]);
  assert.deepEqual(canaries.find(`a ${secret.slice(3, 22)} b`), []);
  for (const [name, text] of Object.entries(texts)) {
    assert.throws(() => canaries.assertAbsent(name, text), name);
  }
});

describe("a server that receives secrets in every place", { concurrency: true }, () => {
  for (const level of ["trace", "debug", "info"]) {
    test(`at the level ${level} writes none of them to its log, its answers, its metrics or its folder`, async () => {
      const canaries = new Canaries();
      const masterSecret = canaries.add("master secret", randomBytes(32).toString("base64"));
      const server = await startServer({
        flags: ["--log-level", level, "--refusal-limit", "0", "--trusted-proxies", "127.0.0.1"],
        env: { COUNTERSIGN_MASTER_SECRET: masterSecret },
      });
      const answers: RawAnswer[] = [];
      const tokens: string[] = [];
      const send = async (bytes: string | Buffer, url = server.publicUrl) => {
        answers.push(await sendRaw(url, bytes));
      };

      const { username, privateKey } = await createUser(server);
      canaries.addPrivateKey("the user's private key", privateKey);
      const stranger = privateKeyTexts();
      canaries.addPrivateKey("a private key", stranger.key);

      // Granted tokens, and the assertions for which they were granted.
      for (let round = 0; round < 3; round++) {
        const assertion = canaries.addAssertion("accepted assertion", signAssertion(username, privateKey));
        const granted = await sendRaw(
          server.publicUrl,
          requestHead("GET", `${REFRESH}?secret=${canaries.random("query of a grant")}`, [
            ["Authorization", `JWT ${assertion}`],
          ]),
        );
        assert.equal(granted.status, 200);
        const { token } = (JSON.parse(granted.body) as { data: { token: string } }).data;
        assert.deepEqual(canaries.find(granted.head + granted.body.replace(token, "")), []);
        tokens.push(canaries.add("granted token", token));
      }
      const [token = ""] = tokens;

      const credentials: Record<string, string> = {
        "a granted token": token,
        "an altered token": canaries.add("altered token", `${token.slice(0, -5)}AAAAA`),
        "a refused assertion": canaries.addAssertion("refused assertion", signAssertion(username, stranger.key)),
        "a stale assertion": canaries.addAssertion(
          "stale assertion",
          signAssertion(username, privateKey, { claims: { iat: 1 } }),
        ),
        "an unsigned assertion": canaries.addAssertion(
          "unsigned assertion",
          signAssertion(username, privateKey, { header: { alg: "none" } }),
        ),
        "a bytes literal": `b'${canaries.addAssertion("bytes literal", signAssertion(username, privateKey))}'`,
        "a secret": canaries.random("credential"),
        "an administrator's token": canaries.add("csat", `csat_${randomBytes(32).toString("base64url")}`),
        "a resource server's secret": canaries.add("csrs", `csrs_${randomBytes(32).toString("base64url")}`),
        "a private key": stranger.texts["PEM in one line"] ?? "",
        "a private JWK": stranger.texts["JWK"] ?? "",
      };
      for (const credential of Object.values(credentials)) {
        for (const scheme of ["JWT ", "Token ", "Bearer ", "Basic ", "Digest ", "", "jwt  ", "JWT="]) {
          for (const target of [REFRESH, CHECK, "/api/none", "/livez"]) {
            await send(requestHead("GET", target, [["Authorization", scheme + credential]]));
          }
        }
        await send(requestHead("POST", REFRESH, [["Authorization", `JWT ${credential}`]]));
        await send(
          requestHead("GET", REFRESH, [
            ["Authorization", `JWT ${credential}`],
            ["Authorization", credential],
          ]),
        );
        const encoded = encodeURIComponent(credential).slice(0, 8000);
        for (const target of [
          `${REFRESH}?ttl=${encoded}`,
          `${REFRESH}?token=${encoded}`,
          `${CHECK}${encoded}`,
          `/api/${encoded}`,
          `/${encoded}/%zz`,
        ]) {
          await send(requestHead("GET", target));
        }
        await send(
          requestHead("GET", `${REFRESH}?ttl=${encoded}`, [
            ["Authorization", `JWT ${signAssertion(username, privateKey)}`],
          ]),
        );
      }

      // Claims and header parameters, of an assertion that is valid except for one of them, or entirely.
      for (const name of ["username", "aud", "iat", "exp", "nbf", "sub", "iss", "jti"]) {
        for (const value of [
          canaries.random(`claim ${name}`),
          [canaries.random(`claim ${name}`)],
          { [canaries.random("a claim's name")]: 1 },
        ]) {
          for (const key of [privateKey, stranger.key]) {
            const assertion = canaries.addAssertion(
              `claim ${name}`,
              signAssertion(username, key, { claims: { [name]: value } }),
            );
            await send(requestHead("GET", REFRESH, [["Authorization", `JWT ${assertion}`]]));
          }
        }
      }
      for (const name of ["alg", "typ", "kid", "crit", "jku", "x5u", "cty", "enc"]) {
        for (const value of [canaries.random(`header ${name}`), [canaries.random(`header ${name}`)]]) {
          const assertion = signAssertion(username, stranger.key, { header: { [name]: value } });
          await send(
            requestHead("GET", REFRESH, [["Authorization", `JWT ${canaries.add(`header ${name}`, assertion)}`]]),
          );
        }
      }

      // Headers, their names, bodies, and bytes that aren't HTTP.
      for (const target of [REFRESH, CHECK, "/api/none", "/readyz", "/openapi.json"]) {
        for (const name of [
          "Host",
          "Cookie",
          "User-Agent",
          "Referer",
          "Origin",
          "X-Request-Id",
          "X-Api-Key",
          "X-Forwarded-For",
          "X-Forwarded-Method",
          "X-Forwarded-Host",
          "X-Original-Method",
          "X-Auth-Username",
          "Proxy-Authorization",
          "Traceparent",
          "Accept",
          "Accept-Language",
          "Content-Type",
          "Content-Encoding",
          "Expect",
          "Upgrade",
          "If-None-Match",
          "Last-Event-ID",
        ]) {
          const secret = canaries.random(`header ${name}`);
          await send(
            requestHead("GET", target, [
              [name, secret],
              ["Authorization", `Token ${token}`],
            ]),
          );
        }
        await send(requestHead("GET", target, [[canaries.random("a header's name"), "x"]]));
        await send(
          requestHead("GET", target, [["X-Forwarded-For", `${canaries.random("X-Forwarded-For")}, 203.0.113.1`]]),
        );
        for (const type of ["application/json", "application/x-www-form-urlencoded", "text/plain", "application/xml"]) {
          for (const method of ["GET", "POST", "PUT", "DELETE"]) {
            const body = `{"token":"${canaries.random("body")}`;
            await send(
              requestHead(method, target, [
                ["Content-Type", type],
                ["Content-Length", String(body.length)],
              ]) + body,
            );
          }
        }
        const form = `username=x&password=${canaries.random("form")}&client_assertion=${token}`;
        await send(
          `${requestHead("POST", target, [
            ["Content-Type", "application/x-www-form-urlencoded"],
            ["Content-Length", String(form.length)],
          ])}${form}`,
        );
        const url = new URL(
          `http://user:${canaries.random("absolute target")}@${canaries.random("host").slice(0, 30)}.test`,
        );
        await send(requestHead("GET", `${url.origin}${target}`));
        await send(requestHead("GET", `http://user:${url.password}@countersign.test${target}`));
      }
      for (const secret of [
        token,
        canaries.random("malformed"),
        canaries.addAssertion("malformed", signAssertion(username, privateKey)),
      ]) {
        for (const bytes of [
          `${secret}\r\n\r\n`,
          `${secret} ${REFRESH} HTTP/1.1\r\nHost: a\r\n\r\n`,
          `GET ${secret} HTTP/1.1\r\nHost: a\r\n\r\n`,
          `GET ${REFRESH} ${secret}\r\nHost: a\r\n\r\n`,
          `GET ${REFRESH} HTTP/1.1\r\nAuthorization: JWT ${secret}\r\n\r\n`,
          `GET ${REFRESH} HTTP/1.1\r\nHost: a\r\nAuthorization : JWT ${secret}\r\n\r\n`,
          `GET ${REFRESH} HTTP/1.1\r\nHost: a\r\nAuthorization: JWT ${secret}\0\r\n\r\n`,
          `GET ${REFRESH} HTTP/1.1\r\nHost: a\r\n${secret}\r\n\r\n`,
          `GET ${REFRESH} HTTP/1.1\r\nHost: a\r\nContent-Length: ${secret}\r\n\r\n`,
          `GET ${REFRESH} HTTP/1.1\r\nHost: a\r\nAuthorization: JWT ${secret}\r\nX: ${"a".repeat(17_000)}\r\n\r\n`,
          requestHead("GET", `${REFRESH}?${secret}${"a".repeat(8200)}`, [["Authorization", `JWT ${secret}`]]),
          requestHead("CONNECT", `${secret.slice(0, 40)}:443`, [["Proxy-Authorization", `Basic ${secret}`]]),
        ]) {
          await send(bytes);
          await send(bytes, server.adminUrl);
        }
      }
      // Proofs of possession and revocation statements: in their own places, and in an assertion's.
      for (const typ of ["key-proof+jwt", "key-revocation+jwt"]) {
        const statement = canaries.addAssertion(
          typ,
          signAssertion(username, privateKey, {
            header: { typ },
            claims: { aud: server.publicUrl, sub: username, nonce: canaries.random("nonce") },
          }),
        );
        await send(requestHead("GET", REFRESH, [["Authorization", `JWT ${statement}`]]));
        for (const target of ["/api/auth/v0/key-challenges/", "/api/auth/v0/revoke-key/", "/api/auth/v0/keys/"]) {
          for (const body of [statement, JSON.stringify({ proof: statement, revocation: statement.slice(0, -1) })]) {
            await send(
              requestHead("POST", `${target}?proof=${statement}`, [
                ["Content-Type", "application/json"],
                ["Content-Length", String(body.length)],
              ]) + body,
            );
          }
        }
        const { stderr } = await server.cli(
          "key",
          "add",
          username,
          join(server.dataDir, "none.pem"),
          "--proof",
          statement,
        );
        canaries.assertAbsent("key add --proof", stderr);
      }
      await sendOAuth(server, canaries, {
        username,
        privateKey,
        strangerKey: stranger.key,
        token,
        credentials,
        answers,
      });

      // A connection that is cut off within a request.
      const broken = await connectRaw(server.publicUrl);
      broken.write(requestHead("GET", REFRESH, [["Authorization", `JWT ${token}`]]).slice(0, -4));
      broken.end();

      const figures = await sendRaw(server.adminUrl, requestHead("GET", "/metrics", [["Host", "localhost"]]));
      assert.match(figures.body, /^countersign_tokens_issued_total [1-9]/m);
      canaries.assertAbsent("/metrics", figures.body);

      // A fault of the store: its cause is logged without the request's data.
      const database = new DatabaseSync(join(server.dataDir, "countersign.db"), { timeout: 10_000 });
      database.exec("alter table api_users rename to gone");
      database.close();
      for (const asked of [canaries.random("username, store failing"), username]) {
        const assertion = canaries.addAssertion("assertion, store failing", signAssertion(asked, privateKey));
        const answer = await sendRaw(
          server.publicUrl,
          requestHead("GET", REFRESH, [["Authorization", `JWT ${assertion}`]]),
        );
        answers.push(answer);
        if (asked === username) continue;
        assert.equal(answer.status, 503);
        assert.equal(answer.header("retry-after"), "1");
        const id = answer.header("x-request-id") ?? "";
        assert.deepEqual(JSON.parse(answer.body).meta.errors, [
          {
            code: "unavailable",
            message: `The service can't answer right now (request ${id}).`,
            hint: "Try again in a moment.",
            docs: `${server.publicUrl}/docs/errors#unavailable`,
          },
        ]);
        const line = await eventually("the log's line about it", () =>
          server
            .stderr()
            .split("\n")
            .find((text) => text.includes(id) && text.includes('"error"')),
        );
        assert.match(line, /no such table/, "the log has the cause under the request's id");
      }

      await server.stop();
      const log = server.stderr();
      const lines = log
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as { level: string; msg: string });
      assert.ok(
        lines.some(({ msg }) => msg === "request refused"),
        "the log isn't empty",
      );
      if (level !== "info") assert.ok(lines.some(({ level: found }) => found === "debug"));
      canaries.assertAbsent("the log", log);
      canaries.assertAbsent("standard output", server.stdout());
      const texts = new Set(answers.map(({ head, body }) => withoutItsOwn(head + body)));
      for (const text of texts) {
        canaries.assertAbsent("an answer", text);
        // Searching takes time, and the tests of the other levels wait for answers in this process.
        await nextTurn();
      }
      assertFolderWithout(canaries, server.dataDir);
    });
  }
});

describe("a server at which operators sign in", { concurrency: true }, () => {
  for (const level of ["trace", "info"]) {
    test(`at the level ${level} writes none of their passwords, cookies, links, codes and tokens anywhere`, async () => {
      const canaries = new Canaries();
      const clientSecret = canaries.random("client secret at the identity provider");
      const server = await startServer({
        flags: ["--log-level", level, "--refusal-limit", "0"],
        env: {
          // Nothing listens there: requests to it fail.
          COUNTERSIGN_OIDC_ISSUER: "http://localhost:9",
          COUNTERSIGN_OIDC_CLIENT_ID: "countersign",
          COUNTERSIGN_OIDC_CLIENT_SECRET: clientSecret,
          COUNTERSIGN_OIDC_ROLES: "owners=owner",
        },
      });
      const texts: string[] = [];
      const origin = new URL(server.adminUrl).origin;
      /** Sends a request, and keeps the answer without the secrets that it is meant to give. */
      const ask = async (
        method: string,
        path: string,
        { body, headers = {}, gives = () => [] }: AskOptions = {},
      ): Promise<{ readonly json: Answered; readonly cookie: string }> => {
        const answer = await fetch(`${server.adminUrl}/api/admin/v1${path}`, {
          method,
          redirect: "manual",
          headers: { origin, ...(body !== undefined && { "content-type": "application/json" }), ...headers },
          ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
        });
        const text = await answer.text();
        const json = (text.startsWith("{") ? JSON.parse(text) : { data: {} }) as Answered;
        const cookie = /countersign_session_\d+=[^;]*/.exec(answer.headers.get("set-cookie") ?? "")?.[0] ?? "";
        let rest = text;
        for (const given of gives(json.data)) rest = rest.replaceAll(canaries.add(`given by ${path}`, given), "");
        canaries.add(`cookie of ${path}`, cookie);
        texts.push(rest, answer.headers.get("location") ?? "");
        return { json, cookie };
      };

      const setup = await eventually("the set-up link", () => /csiv_[0-9A-Za-z]+/.exec(server.stderr())?.[0]);
      const password = canaries.random("password");
      const codesOf = (data: Answered["data"]) => data.recovery_codes ?? [];
      const first = await ask("POST", "/links/use", {
        body: { token: setup, email: "first@example.com", password },
        gives: codesOf,
      });
      canaries.add("set-up link", setup);
      const as = { headers: { cookie: first.cookie } };
      const [code = ""] = first.json.data.recovery_codes ?? [];
      // The URL before it is the console's, which isn't secret.
      const linkOf = (data: Answered["data"]) => [new URL(data.link ?? "").hash.slice(1)];
      const invited = await ask("POST", "/invitations", {
        ...as,
        body: { email: "b@example.com", role: "viewer" },
        gives: linkOf,
      });
      const token = await ask("POST", "/admin-tokens", {
        ...as,
        body: { name: "program", role: "owner" },
        gives: (data) => [data.token ?? ""],
      });
      const link = new URL(invited.json.data.link ?? "").hash.slice(1);
      const bearer = token.json.data.token ?? "";
      await ask("POST", "/me/recovery-codes", { ...as, gives: codesOf });
      await ask("POST", "/sign-in/recovery-code", { body: { email: "first@example.com", code } });
      await ask("POST", "/sign-in/password", { body: { email: "first@example.com", password } });
      await ask("GET", "/me", { headers: { authorization: `Bearer ${bearer}` } });
      await ask("PUT", "/me/password", {
        ...as,
        body: { current_password: password, new_password: canaries.random("new password") },
      });
      for (const path of [
        "/operators",
        "/invitations",
        "/admin-tokens",
        "/me",
        "/me/sessions",
        "/operators/1/sessions",
      ]) {
        await ask("GET", path, as);
      }

      // The same secrets, and others, in wrong places and wrong forms.
      for (const secret of [
        password,
        first.cookie.split("=")[1] ?? "",
        setup,
        link,
        code,
        bearer,
        canaries.random("a secret"),
        canaries.add("csat", `csat_${randomBytes(36).toString("hex")}`),
      ]) {
        for (const headers of [
          { authorization: `Bearer ${secret}` },
          { authorization: secret },
          { cookie: `countersign_session_${new URL(server.adminUrl).port}=${secret}` },
          { cookie: secret },
          { ...as.headers, "idempotency-key": secret },
          { ...as.headers, "if-match": secret },
          { ...as.headers, origin: `https://${secret.replaceAll("_", "-").slice(0, 50)}.example` },
          { ...as.headers, "user-agent": "x", referer: `${origin}/link#${secret}` },
        ]) {
          await ask("PATCH", "/operators/999", { headers, body: { role: "viewer" } });
        }
        for (const body of [
          { email: secret, password: secret },
          { email: "first@example.com", password: secret },
          { email: "first@example.com", code: secret },
          { token: secret },
          { token: secret, password: secret, email: secret },
          { response: { id: secret, response: { clientDataJSON: secret } } },
          { [secret]: secret },
          `{"password":"${secret}`,
          JSON.stringify(secret),
        ]) {
          for (const path of [
            "/sign-in/password",
            "/sign-in/recovery-code",
            "/sign-in/passkey",
            "/links/look",
            "/links/use",
            "/links/passkey/options",
          ]) {
            await ask("POST", path, { body });
          }
          await ask("PUT", "/me/password", { ...as, body });
          await ask("POST", "/me/passkeys", { ...as, body });
        }
        for (const body of [
          { email: secret, role: "viewer" },
          { email: "c@example.com", role: secret },
          { email: "c@example.com", role: "viewer", account: secret },
        ]) {
          await ask("POST", "/invitations", { ...as, body });
        }
        await ask("POST", "/admin-tokens", { ...as, body: { name: secret, role: "viewer" } });
        const encoded = encodeURIComponent(secret);
        for (const path of [
          `/operators/${encoded}`,
          `/operators?q=${encoded}&status=${encoded}`,
          `/operators?cursor=${encoded}`,
          `/sign-in/single-sign-on?return_to=${encoded}`,
          `/sign-in/single-sign-on/callback?code=${encoded}&state=${encoded}&error=${encoded}`,
          `/me?token=${encoded}`,
        ]) {
          await ask("GET", path, as);
        }
        await ask("GET", `/sign-in/single-sign-on/callback?code=${encoded}&state=${encoded}`, {
          headers: {
            cookie: `countersign_single_sign_on_${new URL(server.adminUrl).port}=${Buffer.from(
              JSON.stringify({ state: secret, nonce: secret, codeVerifier: secret, returnTo: "/" }),
            ).toString("base64url")}`,
          },
        });
      }
      await server.stop();
      const log = server.stderr().replace(/^.*"event":"setup".*$/m, "");
      assert.match(log, /sign-in refused/);
      canaries.assertAbsent("the log", log);
      canaries.assertAbsent("standard output", server.stdout());
      for (const text of new Set(texts.map(withoutItsOwn))) {
        canaries.assertAbsent("an answer", text);
        await nextTurn();
      }
      assertFolderWithout(canaries, server.dataDir);
    });
  }
});

interface AskOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** The secrets that the answer is meant to give. */
  readonly gives?: (data: Answered["data"]) => readonly string[];
}

interface Answered {
  readonly data: { readonly recovery_codes?: readonly string[]; readonly link?: string; readonly token?: string };
}

describe("a command line that receives secrets in every place", () => {
  test("repeats none of them, refuses private keys, and stores no part of them", async () => {
    const canaries = new Canaries();
    const server = await startServer();
    const { username, privateKey, privateKeyFile } = await createUser(server);
    canaries.addPrivateKey("the user's private key", privateKey);
    const { key, texts } = privateKeyTexts();
    canaries.addPrivateKey("a private key", key);
    const folder = temporaryFolder();
    const fileOf = (name: string, text: string) => {
      const file = join(folder, name);
      writeFileSync(file, text, { mode: 0o600 });
      return file;
    };

    const granted = await server.cli(...tokenCommand(server, { username, privateKeyFile }));
    assert.equal(granted.status, 0, granted.stderr);
    const token = canaries.add("a granted token", granted.stdout.trim());
    const assertion = canaries.addAssertion("an assertion", signAssertion(username, privateKey));
    const secret = () => canaries.random("a secret");
    const pem = texts["PKCS#8 PEM"] ?? "";
    const body = texts["PEM without its markers"] ?? "";
    const jwk = texts["JWK"] ?? "";

    interface Run {
      readonly args: readonly string[];
      readonly start: () => Promise<ProgramResult>;
      /** What its standard error must contain, if anything in particular. */
      readonly says?: RegExp;
    }
    const runs: Run[] = [];
    const run = (...args: string[]) => {
      runs.push({ args, start: () => server.cli(...args) });
    };
    const runWith = (input: string, ...args: string[]) => {
      runs.push({ args, start: () => server.cliWithInput(input, ...args) });
    };
    const runIn = (more: Record<string, string>, ...args: string[]) => {
      const env = environment({ COUNTERSIGN_DATA_DIR: server.dataDir, ...more });
      runs.push({ args, start: () => runCountersign(args, { env }) });
    };

    // A private key as the argument, piped, and in a file.
    const says = /^countersign: The key is refused: this is a PRIVATE key\. .*exposed.*\n$/;
    for (const [name, text] of Object.entries(texts)) {
      const piped = ["key", "add", username, "-"];
      const asArgument = ["key", "add", username, text];
      const isPlain = !name.includes("without");
      runs.push({ args: piped, start: () => server.cliWithInput(text, ...piped), ...(isPlain && { says }) });
      // After other text, the argument looks like a file's name.
      const isKeyText = isPlain && !name.includes("behind");
      runs.push({ args: asArgument, start: () => server.cli(...asArgument), ...(isKeyText && { says }) });
    }
    for (const [name, text] of [
      ["mistaken.pem", pem],
      ["encrypted.pem", encryptedPem(key)],
    ] as const) {
      const args = ["key", "add", username, fileOf(name, text)];
      runs.push({ args, start: () => server.cli(...args), says });
    }
    run("key", "add", pem, username);
    run("key", "add", username, `--label=${pem}`, privateKeyFile);
    run("key", "add", username, privateKeyFile, `--private-key=${pem}`);

    const tokenOf = ["token", "--username", username, "--url", server.publicUrl];
    for (const word of [token, assertion, secret(), pem]) run(word);
    for (const word of [assertion, secret(), body]) run("user", "deactivate", word);
    for (const word of [token, assertion, secret(), pem]) run("check", word);
    for (const word of [token, assertion, secret(), jwk]) run("explain", word);
    for (const word of [secret(), pem, body, jwk]) run(...tokenOf, "--key", word);
    run(...tokenOf, "--key", privateKeyFile, "--ttl", secret());
    run("token", "--username", pem, "--key", privateKeyFile, "--url", server.publicUrl);
    run("token", "--username", username, "--key", privateKeyFile, "--url", secret());
    run("account", "create", pem);
    run("account", "activate", secret());
    run("account", "create", "x", "y", secret());
    run("user", "create", secret(), "--account", pem);
    run("user", "create", "x", "--account", secret());
    run("user", "list", pem);
    run("key", "list", secret());
    run("key", "revoke", "--yes", pem);
    run("key", "generate", secret(), "--out", join(folder, "new.pem"));
    run("key", "generate", username, "--out", join(folder, "new.pem"), "--bits", secret());
    run("key", "generate", username, "--out", join(folder, "new.pem"), "--expires-in", pem);
    run("audit", "list", "--limit", secret());
    run("demo", secret());
    for (const word of [secret(), pem, `csiv_${secret()}`]) {
      run("operator", "invite", word, "--role", "owner");
      run("operator", "invite", "a@example.com", "--role", word);
      run("operator", "invite", "a@example.com", "--role", "viewer", "--account", word);
      run("operator", "reset", word);
      run("operator", "deactivate", word);
      run("admin-token", "create", word, "--role", "owner");
      run("admin-token", "create", "x", "--role", "owner", "--expires-in", word);
      run("admin-token", "revoke", "--yes", word);
    }
    const created = await server.cli("resource-server", "create", "shop");
    const real = canaries.add("a resource server's secret", /csrs_\w+/.exec(created.stdout)?.[0] ?? "");
    assert.ok(real !== "");
    for (const word of [secret(), real, pem]) {
      for (const verb of ["create", "rotate", "deactivate", "activate", "list"]) run("resource-server", verb, word);
      run("resource-server", "rotate", "shop", "--grace", word);
    }
    run("resource-server", real);
    run("check", real);
    run("serve", "--port", secret());
    run("serve", "--log-level", pem);
    run("serve", `--unknown-${secret()}`);
    run("serve", `--password=${secret()}`);
    for (const prefix of ["JWT ", "Token ", "Authorization: Bearer "]) run("explain", `${prefix}${assertion}`);
    runWith(`Authorization: Basic ${secret()}`, "explain", "-");
    run("check", `Bearer ${token}`);
    runWith(pem, "explain", "-");
    runWith(`${token}\n`, "check", "-");
    runWith(pem, "check", "-");
    run(...tokenCommand(server, { username, privateKeyFile: fileOf("cut.pem", texts["PEM cut off"] ?? "") }));
    run("token", "--username", username, "--key", privateKeyFile, "--url", `http://user:${secret()}@127.0.0.1:9`);
    run("token", "--username", username, "--key", privateKeyFile, "--url", `http://127.0.0.1:9/?key=${secret()}`);
    run("serve", "--public-url", `http://user:${secret()}@countersign.test`);
    run("serve", "--public-url", `ftp://user:${secret()}@countersign.test`);
    for (const url of [
      `mysql://user:${secret()}@127.0.0.1:9/countersign`,
      `postgres://user:${secret()}@127.0.0.1:9`,
      `postgres://user:${secret()}@127.0.0.1:9/countersign?sslmode=${secret()}`,
    ]) {
      run("serve", "--database-url", url);
      runIn({ COUNTERSIGN_DATABASE_LISTEN_URL: url }, "serve");
    }
    // Nothing listens there.
    run("account", "list", "--database-url", `postgres://user:${secret()}@127.0.0.1:9/countersign`);
    runIn({ COUNTERSIGN_DATABASE_URL: `postgres://user:${secret()}@127.0.0.1:9/countersign` }, "account", "list");
    for (const value of [
      canaries.add("a master secret of 31 bytes", randomBytes(31).toString("base64")),
      canaries.add("a master secret in hex", randomBytes(32).toString("hex")),
      `${canaries.add("a master secret", randomBytes(32).toString("base64"))},x`,
      canaries.add("another master secret", randomBytes(32).toString("base64")),
    ]) {
      runIn({ COUNTERSIGN_MASTER_SECRET: value }, "serve", "--port", "0", "--admin-port", "0");
    }
    const other = canaries.add("another master secret", randomBytes(32).toString("base64"));
    runIn({ COUNTERSIGN_MASTER_SECRET_FILE: fileOf("master", other) }, "check", token);
    runIn({ COUNTERSIGN_MASTER_SECRET_FILE: fileOf("mangled", `${other}\n${other}`) }, "check", token);
    runIn({ COUNTERSIGN_MASTER_SECRET_FILE: other }, "check", token);
    runIn({ COUNTERSIGN_MASTER_SECRET: other, COUNTERSIGN_MASTER_SECRET_FILE: "x" }, "account", "list");
    runIn({ COUNTERSIGN_TRUSTED_PROXIES: secret() }, "account", "list");
    runIn({ COUNTERSIGN_PUBLIC_URL: `https://user:${secret()}@countersign.test` }, "account", "list");

    const waiting = runs.values();
    let refused = 0;
    await Promise.all(
      Array.from({ length: 3 }, async () => {
        for (const { args, start, says } of waiting) {
          const { status, stdout, stderr } = await start();
          const command = args.map((word) => (word.length > 30 ? `${word.slice(0, 12).trim()}…` : word)).join(" ");
          canaries.assertAbsent(`standard error of countersign ${command}: ${stderr}`, stderr);
          canaries.assertAbsent(`standard output of countersign ${command}`, stdout);
          assert.doesNotMatch(stderr, /^ {4}at /m, "no stack trace");
          if (args[0] === "key" && args[1] === "add") assert.notEqual(status, 0, command);
          if (says !== undefined) assert.match(stderr, says, command);
          if (status !== 0) refused++;
        }
      }),
    );
    assert.ok(refused > runs.length * 0.9, `${refused} of ${runs.length} runs were refused`);

    await server.stop();
    canaries.assertAbsent("the log", server.stderr());
    const keys = await server.json<unknown[]>("key", "list", username);
    assert.equal(keys.length, 1);
    assertFolderWithout(canaries, server.dataDir);
  });
});

/** The secrets that were sent before, and where answers are collected. */
interface OAuthSurroundings {
  readonly username: string;
  readonly privateKey: KeyObject;
  readonly strangerKey: KeyObject;
  readonly token: string;
  readonly credentials: Readonly<Record<string, string>>;
  readonly answers: RawAnswer[];
}

/**
 * Resource servers' secrets, tokens and assertions at the OAuth endpoints and the change feed: in the right places and
 * in wrong ones.
 */
async function sendOAuth(server: TestServer, canaries: Canaries, surroundings: OAuthSurroundings): Promise<void> {
  const { username, privateKey, strangerKey, token, credentials, answers } = surroundings;
  const shop = await server.json<{ client_id: string; client_secret: string }>("resource-server", "create", "shop");
  const rotated = await server.json<typeof shop>("resource-server", "rotate", "shop", "--grace", "1h");
  const encoded = ({ client_id, client_secret }: typeof shop) =>
    canaries.add("Basic credentials", Buffer.from(`${client_id}:${client_secret}`).toString("base64"));
  for (const each of [shop, rotated]) canaries.add("a resource server's real secret", each.client_secret);
  const basic = (each: typeof shop) => ["Authorization", `Basic ${encoded(each)}`] as const;

  const form = (parameters: Readonly<Record<string, string>>) => new URLSearchParams(parameters).toString();
  const post = async (path: string, body: string, headers: readonly (readonly [string, string])[] = []) => {
    const type = ["Content-Type", "application/x-www-form-urlencoded"] as const;
    const length = ["Content-Length", String(body.length)] as const;
    return sendRaw(server.publicUrl, requestHead("POST", path, [type, length, ...headers]) + body);
  };
  const assertion = (key = privateKey, claims: Readonly<Record<string, unknown>> = {}) => {
    const exp = Math.floor(Date.now() / 1000) + 60;
    const jti = canaries.random("jti");
    const all = { username: undefined, iat: undefined, iss: username, sub: username, aud: server.publicUrl, exp, jti };
    const options = { claims: { ...all, ...claims } };
    return canaries.addAssertion("client assertion", signAssertion(username, key, options));
  };
  const asClient = (client_assertion: string) => ({ client_assertion_type: JWT_BEARER, client_assertion });

  // Accepted requests: only the answer that grants the token may show it.
  const grantForm = { grant_type: "client_credentials", ...asClient(assertion()) };
  const granted = await post("/oauth2/token", form(grantForm));
  assert.equal(granted.status, 200, granted.body);
  const { access_token } = JSON.parse(granted.body) as { access_token: string };
  assert.deepEqual(canaries.find(granted.head + granted.body.replace(access_token, "")), []);
  canaries.add("a token granted by OAuth", access_token);
  for (const each of [shop, rotated]) {
    const introspected = await post("/oauth2/introspect", form({ token: access_token }), [basic(each)]);
    assert.match(introspected.body, /^\{"active":true/);
    answers.push(introspected);
  }
  answers.push(await post("/oauth2/token", form(grantForm)));
  const feed = await connectRaw(server.publicUrl);
  feed.write(requestHead("GET", CHANGES, [basic(rotated), ["Last-Event-ID", "0"]]));
  const revoked = await post("/oauth2/revoke", form({ token: access_token, ...asClient(assertion()) }));
  assert.equal(revoked.status, 200, revoked.body);
  answers.push(revoked, await post("/oauth2/introspect", form({ token: access_token }), [basic(rotated)]));
  const heard = await eventually("the feed reports the token", () =>
    feed.received().includes("token.revoked") ? feed.received() : undefined,
  );
  canaries.assertAbsent("the change feed", heard);
  feed.end();

  // Refused requests, and secrets that belong elsewhere.
  const secrets = {
    ...credentials,
    "a stranger's client assertion": assertion(strangerKey),
    "a resource server's real secret": rotated.client_secret,
    "its Basic credentials": encoded(rotated),
    "a used assertion": grantForm.client_assertion,
  };
  for (const secret of Object.values(secrets)) {
    for (const path of OAUTH) {
      for (const name of [
        "token",
        "token_type_hint",
        "client_id",
        "client_secret",
        "client_assertion",
        "grant_type",
        "scope",
        secret,
      ]) {
        const good: Record<string, string> = { ...grantForm, client_assertion: assertion(), token };
        if (path === "/oauth2/introspect") {
          delete good["client_assertion"];
          answers.push(await post(path, form({ token, [name]: secret }), [basic(rotated)]));
        }
        answers.push(await post(path, form({ ...good, [name]: secret })));
      }
      answers.push(await post(path, `token=${encodeURIComponent(secret)}&token=${encodeURIComponent(secret)}`));
      answers.push(await post(path, secret), await post(path, form({ token }), [["Authorization", `Basic ${secret}`]]));
      answers.push(await post(`${path}?token=${encodeURIComponent(secret)}`, form({ token })));
    }
    // The right credentials in the right place would open a stream.
    for (const header of [`Basic ${secret}x`, `Bearer ${secret}`, secret]) {
      answers.push(await sendRaw(server.publicUrl, requestHead("GET", CHANGES, [["Authorization", header]])));
    }
    const encodedSecret = encodeURIComponent(secret).slice(0, 8000);
    answers.push(await sendRaw(server.publicUrl, requestHead("GET", `${CHANGES}?access_token=${encodedSecret}`)));
  }
  for (const name of ["iss", "sub", "aud", "jti", "exp", "nbf", "iat", "username"]) {
    for (const value of [canaries.random(`client's claim ${name}`), [canaries.random(`client's claim ${name}`)]]) {
      for (const key of [privateKey, strangerKey]) {
        const wrong = assertion(key, { [name]: value });
        answers.push(await post("/oauth2/token", form({ grant_type: "client_credentials", ...asClient(wrong) })));
      }
    }
  }
  // Of all these answers, only those that granted a token showed one: their own.
  for (const [index, answer] of answers.entries()) {
    const shown = /^\{"access_token":"([^"]+)"/.exec(answer.body)?.[1];
    if (shown === undefined) continue;
    answers[index] = { ...answer, body: answer.body.replace(shown, "") };
    canaries.add("a token granted by OAuth", shown);
  }
}

async function createUser(server: TestServer) {
  const { privateKey, publicPem, privatePem } = makeKeyPair();
  await server.json("account", "create", "acme");
  const { username } = await server.json<{ username: string }>("user", "create", "demo", "--account", "acme");
  await addPublicKey(server, username, publicPem);
  const privateKeyFile = join(temporaryFolder(), "private.pem");
  writeFileSync(privateKeyFile, privatePem, { mode: 0o600 });
  return { username, privateKey, privateKeyFile };
}

/** An answer without the parts that differ in each: most answers then are the same. */
function withoutItsOwn(text: string): string {
  return text.replace(/^Date: .*$/m, "").replace(/\b[0-9a-f]{16}-[0-9a-z]+\b/g, "");
}

/** The data folder's files, `master.key` excepted, which holds a secret by design. */
function assertFolderWithout(canaries: Canaries, folder: string): void {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  assert.ok(files.includes("countersign.db"));
  for (const file of files) {
    if (file === "master.key") continue;
    canaries.assertAbsent(file, readFileSync(join(folder, file), "latin1"));
  }
}

/** `BEGIN ENCRYPTED PRIVATE KEY`: a private key that is encrypted with a password. */
function encryptedPem(key: KeyObject): string {
  return key.export({
    format: "pem",
    type: "pkcs8",
    cipher: "aes-256-cbc",
    passphrase: randomBytes(8).toString("hex"),
  });
}
