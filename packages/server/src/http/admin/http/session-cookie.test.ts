/** The session's cookie, through the real listener. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startTestConsole, type TestConsole } from "../../../testing/test-console.ts";
import { ROOT, TEST_PASSWORD } from "../../../testing/test-operators.ts";

let console: TestConsole;

before(async () => {
  console = await startTestConsole();
});

after(() => console.close());

describe("a session's cookie", () => {
  test("is for this host only, HttpOnly and SameSite=Strict, and new at each sign-in", async () => {
    await console.signUp("cookie@example.com", "viewer");
    const signIn = () =>
      console.ask("POST", "/sign-in/password", { email: "cookie@example.com", password: TEST_PASSWORD });
    const first = await signIn();
    assert.equal(first.status, 200, first.body);
    assert.match(
      first.headers["set-cookie"] ?? "",
      /^countersign_session_\d+=csse_[0-9A-Za-z]{49}; Path=\/; HttpOnly; SameSite=Strict$/,
    );
    assert.notEqual((await signIn()).cookie, first.cookie);
    assert.equal(first.json.data.operator.email, "cookie@example.com");
    assert.equal(first.headers["cache-control"], "no-store");
  });

  test("has the console's port in its name: two consoles on one machine don't sign each other out", async () => {
    const second = await startTestConsole();
    const jar = new Map<string, string>();
    for (const [one, email] of [
      [console, "one@example.com"],
      [second, "two@example.com"],
    ] as const) {
      const [name = "", value = ""] = (await one.signUp(email, "viewer")).split("=");
      jar.set(name, value);
    }
    // As browsers send them: each console gets both cookies.
    const cookie = [...jar].map((pair) => pair.join("=")).join("; ");
    for (const [one, email] of [
      [console, "one@example.com"],
      [second, "two@example.com"],
    ] as const) {
      assert.equal((await one.ask("GET", "/me", undefined, { cookie })).json.data.operator.email, email);
    }
    await second.close();
  });

  test("of another operator than the page's is refused: no change is made under another name", async () => {
    const cookie = await console.signUp("whose-page@example.com", "viewer");
    const { id } = (await console.ask("GET", "/me", undefined, { cookie })).json.data.operator;
    const ask = (operator: string) =>
      console.ask("DELETE", "/me/sessions", undefined, { cookie, headers: { "Countersign-Operator": operator } });
    assert.equal((await ask(String(id))).status, 200);
    for (const other of [String(id + 1), "", `${id},${id}`]) {
      const refused = await ask(other);
      assert.equal(refused.status, 401, other);
      assert.equal(refused.code, "sign_in_required");
    }
  });

  test("is a Secure __Host- cookie where the console is reached by HTTPS", async () => {
    const secure = await startTestConsole({ adminUrl: "https://console.example" });
    const cookie = await secure.signUp("a@example.com", "owner");
    assert.match(cookie, /^__Host-countersign_session_443=/);
    const { secret } = await secure.changes.invite(ROOT, { email: "b@example.com", role: "owner", account: null });
    const used = await secure.ask("POST", "/links/use", { token: secret, password: TEST_PASSWORD });
    assert.match(used.headers["set-cookie"] ?? "", /; Path=\/; HttpOnly; Secure; SameSite=Strict$/);
    assert.equal((await secure.ask("GET", "/me", undefined, { cookie })).status, 200);
    const insecure = cookie.replace("__Host-", "");
    assert.equal((await secure.ask("GET", "/me", undefined, { cookie: insecure })).status, 401);
    await secure.close();
  });

  test("is cleared at sign-out, and its session has ended even if the cookie was kept", async () => {
    const cookie = await console.signUp("out@example.com", "viewer");
    const out = await console.ask("DELETE", "/me/session", undefined, { cookie });
    assert.equal(out.status, 200, out.body);
    assert.match(out.headers["set-cookie"] ?? "", /^countersign_session_\d+=; Max-Age=0; Path=\/;/);
    assert.equal((await console.ask("GET", "/me", undefined, { cookie })).status, 401);
  });
});
