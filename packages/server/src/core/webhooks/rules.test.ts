/** The rules that need no store: filters, URLs, waits. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AUDIT_ACTIONS } from "../feed/event.ts";
import { Refusal } from "../refusal.ts";
import { matchesFilter, parseEventFilter } from "./event-filter.ts";
import { afterFailure, FAILED_ATTEMPTS_MIN, FAILING_MS_MAX, parseRetryAfter, RETRY_MS_MAX } from "./schedule.ts";
import { originOf, parseWebhookUrl, URL_CHARACTERS_MAX } from "./url.ts";

function refusalOf(work: () => unknown): Refusal {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error));
    return error;
  }
  return assert.fail("nothing was refused");
}

describe("an endpoint's filter", () => {
  test("may have every action, every kind, and everything", () => {
    for (const action of AUDIT_ACTIONS) {
      const kind = `${action.slice(0, action.indexOf("."))}.*`;
      for (const pattern of [action, kind, "*"]) {
        assert.deepEqual(parseEventFilter([pattern]), [pattern]);
        assert.ok(matchesFilter([pattern], action), `${pattern} ${action}`);
      }
    }
  });

  test("refuses what no event matches, such as a mistyped action, and an empty list", () => {
    for (const pattern of [
      "",
      "key",
      "key.",
      ".*",
      "key.revoke",
      "keys.*",
      "key.*.*",
      "KEY.*",
      " key.*",
      "**",
      "key.revoked,key.added",
      "webhook.test",
      "__proto__",
      "constructor.*",
    ]) {
      assert.equal(refusalOf(() => parseEventFilter(["key.added", pattern])).code, "field_invalid", pattern);
    }
    assert.equal(refusalOf(() => parseEventFilter([])).code, "field_invalid");
    assert.equal(refusalOf(() => parseEventFilter(Array.from({ length: 201 }, () => "*"))).code, "field_invalid");
  });

  test("loses duplicates, and what * includes already", () => {
    assert.deepEqual(parseEventFilter(["key.*", "key.added", "key.*"]), ["key.*", "key.added"]);
    assert.deepEqual(parseEventFilter(["key.*", "*"]), ["*"]);
  });

  test("matches whole words only, and actions of another release by their kind", () => {
    assert.equal(matchesFilter(["key.*"], "key.renamed"), true);
    assert.equal(matchesFilter(["key.*"], "keyring.added"), false);
    assert.equal(matchesFilter(["key.added"], "key.added_twice"), false);
    assert.equal(matchesFilter(["signing_key.*"], "key.added"), false);
    assert.equal(matchesFilter(["*"], "unheard.of"), true);
  });
});

describe("an endpoint's URL", () => {
  test("is kept as browsers normalize it, query included", () => {
    for (const [text, url] of [
      ["https://hooks.example/a?token=x%20y", "https://hooks.example/a?token=x%20y"],
      ["HTTPS://Hooks.Example:443", "https://hooks.example/"],
      ["https://bücher.example/", "https://xn--bcher-kva.example/"],
      ["http://0x7f.1/", "http://127.0.0.1/"],
      ["http://2130706433:8080/", "http://127.0.0.1:8080/"],
      ["http://0177.0.0.1./", "http://127.0.0.1/"],
      ["http://[::FFFF:127.0.0.1]/", "http://[::ffff:7f00:1]/"],
      ["http://１２７.０.０.１/", "http://127.0.0.1/"],
    ] as const) {
      assert.equal(parseWebhookUrl(text), url);
    }
  });

  test("is refused with credentials, a fragment, another scheme, or more characters than allowed; no message repeats it", () => {
    const long = `https://hooks.example/${"x".repeat(URL_CHARACTERS_MAX)}`;
    for (const text of [
      "",
      "hooks.example",
      "//hooks.example/",
      "ftp://hooks.example/",
      "file:///etc/passwd",
      "javascript:alert(1)",
      "data:text/plain,secret-token",
      "https://",
      "https://user@hooks.example/",
      "https://user:secret-token@hooks.example/",
      "https://:secret-token@hooks.example/",
      "https://hooks.example/#secret-token",
      "https://hooks.example/#",
      "https://hooks.example/secret-token\n",
      " https://hooks.example/secret-token",
      "https://hooks.example/\u0000secret-token",
      "https://hooks.exam\tple/secret-token",
      "https://[::1%25eth0]/secret-token",
      "https://256.0.0.1/secret-token",
      long,
      `https://hooks.example/${"ü".repeat(URL_CHARACTERS_MAX / 2)}`,
    ]) {
      const { code, message, detail } = refusalOf(() => parseWebhookUrl(text));
      assert.equal(code, "field_invalid", text.slice(0, 80));
      assert.ok(!message.includes("secret-token"), text);
      assert.equal(detail.fields?.[0]?.field, "/url");
    }
    assert.equal(parseWebhookUrl(long.slice(0, URL_CHARACTERS_MAX)).length, URL_CHARACTERS_MAX);
  });

  test("is logged without its path and query", () => {
    assert.equal(originOf("https://hooks.example:8443/secret?token=x"), "https://hooks.example:8443");
  });
});

describe("the wait after a failure", () => {
  const never = { uint32: () => 0, bytes: (length: number) => Buffer.alloc(length) };
  const most = { ...never, uint32: () => 2 ** 32 - 1 };
  const waits = (random: typeof never, retryAfterMs = 0) => {
    let state = { attempts: 0, failingSinceMs: null as number | null };
    return Array.from({ length: 14 }, () => {
      const after = afterFailure(state, 1000, retryAfterMs, random);
      state = after;
      return (after.nextAttemptAtMs ?? 0) - 1000;
    });
  };

  test("doubles from 5 s to an hour, and is up to a fifth shorter at random", () => {
    const seconds = waits(never).map((ms) => ms / 1000);
    assert.deepEqual(seconds, [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600, 3600]);
    for (const [index, ms] of waits(most).entries()) {
      const whole = (seconds[index] ?? 0) * 1000;
      assert.ok(ms >= whole * 0.8 && ms < whole, `${ms} of ${whole}`);
    }
  });

  test("is longer if the receiver asks for it, up to an hour, and never shorter", () => {
    assert.deepEqual(waits(never, 60_000).slice(0, 6), [60_000, 60_000, 60_000, 60_000, 80_000, 160_000]);
    assert.equal(waits(never, 10 * RETRY_MS_MAX)[0], RETRY_MS_MAX);
  });

  test("is read from seconds and from dates; anything else asks for nothing", () => {
    const nowMs = Date.UTC(2026, 10, 27, 21, 0, 0);
    for (const [text, ms] of [
      ["0", 0],
      ["120", 120_000],
      ["Fri, 27 Nov 2026 21:02:00 GMT", 120_000],
      ["Fri, 27 Nov 2026 20:02:00 GMT", 0],
      [undefined, 0],
      ["", 0],
      ["-5", 0],
      ["1.5", 0],
      ["1e9", 0],
      ["99999999999", 0],
      ["soon", 0],
      ["2026", 2_026_000],
      ["Fri, nonsense", 0],
    ] as const) {
      assert.equal(parseRetryAfter(text, nowMs), ms, text ?? "none");
    }
  });

  for (const [ms, isOver] of [
    [-1, false],
    [0, true],
    [1, true],
  ] as const) {
    test(`ends in disabling ${ms} ms from 3 days after the first failure: ${isOver}`, () => {
      const state = { attempts: FAILED_ATTEMPTS_MIN - 1, failingSinceMs: 0 };
      assert.equal(afterFailure(state, FAILING_MS_MAX + ms, 0, never).isOver, isOver);
    });
  }

  test("doesn't end in disabling after a few failures, as when the service was off for days or its clock was set", () => {
    const state = { attempts: FAILED_ATTEMPTS_MIN - 2, failingSinceMs: 0 };
    assert.equal(afterFailure(state, 10 * FAILING_MS_MAX, 0, never).isOver, false);
  });
});
