import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { startTestConsole } from "../../../testing/test-console.ts";
import { consolePath } from "./handlers.ts";

describe("the page after signing in", () => {
  for (const path of ["/", "/users", "/users/api-1-demo?tab=keys#new", "/explain?x=//y", "/apis"]) {
    test(`is the page of the console that was asked for: ${path}`, () => {
      assert.equal(consolePath(path), path);
    });
  }

  for (const text of [
    undefined,
    "",
    "users",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/.//evil.example",
    "/..//evil.example",
    "/%2e//evil.example",
    "///evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "https://evil.example/",
    "javascript:alert(1)",
    " /users",
    "/users\r\nSet-Cookie: x",
    "/api/admin/v1/me/session",
    "/x/../api/admin/v1/me",
    "/API/x",
    "/ü",
  ]) {
    test(`is the first page for ${JSON.stringify(text)}`, () => {
      assert.equal(consolePath(text), "/");
    });
  }

  test("is on this origin, whatever the text, also as browsers parse it", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.webUrl(),
          fc.webPath(),
          fc.string(),
          fc.string().map((text) => `/${text}`),
        ),
        (text) => {
          const path = consolePath(text);
          assert.equal(new URL(path, "http://console.example").origin, "http://console.example");
          assert.match(path, /^\/(?![/\\])/);
          assert.equal(consolePath(path), path);
        },
      ),
    );
  });
});

test("without an identity provider, both endpoints lead to the sign-in page with a code and the request's id", async () => {
  const console = await startTestConsole();
  for (const path of [
    "/sign-in/single-sign-on?return_to=//evil.example",
    "/sign-in/single-sign-on/callback?code=x&state=y",
  ]) {
    const answer = await console.ask("GET", path, undefined, { origin: null });
    assert.equal(answer.status, 302);
    assert.equal(
      answer.headers["location"],
      `/sign-in?error=single_sign_on_failed&request=${answer.headers["x-request-id"]}`,
    );
  }
  await console.close();
});

test("whatever the cookies hold, no operator is signed in and nothing is a defect", async () => {
  const console = await startTestConsole({
    singleSignOn: {
      roles: [],
      provider: {
        issuer: "https://idp.example",
        start: () => Promise.reject(new Error("it isn't asked")),
        finish: () => Promise.reject(new Error("it isn't asked")),
      },
    },
  });
  const value = fc.oneof(
    fc.stringMatching(/^[!#-+\--:<-[\]-~]{0,60}$/),
    fc.json().map((text) => Buffer.from(text).toString("base64url")),
    fc
      .record({ state: fc.string(), nonce: fc.string(), codeVerifier: fc.string(), returnTo: fc.string() })
      .map((flow) => Buffer.from(JSON.stringify(flow)).toString("base64url")),
  );
  await fc.assert(
    fc.asyncProperty(value, async (cookie) => {
      const { port } = new URL(console.origin);
      const headers = {
        Cookie: `countersign_single_sign_on_${port}=${cookie}; countersign_session_${port}=${cookie}`,
      };
      const back = await console.ask("GET", "/sign-in/single-sign-on/callback?code=x&state=y", undefined, { headers });
      assert.match(back.headers["location"] ?? "", /^\/sign-in\?error=single_sign_on_failed&/);
      assert.equal(back.cookie, undefined);
      assert.equal((await console.ask("GET", "/me", undefined, { headers })).status, 401);
    }),
    { numRuns: 50 },
  );
  assert.doesNotMatch(console.log(), /request failed/);
  await console.close();
});
