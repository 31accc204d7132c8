import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { checkSource, limitTo, type NetworkLimit, type Source } from "./check-source.ts";
import { Refusal } from "./refusal.ts";

const office = limitTo("user", ["192.0.2.0/24", "2001:db8::/32"]);
const server = limitTo("key", ["192.0.2.7/32"]);

/** The refusal's message and hint; `undefined` where the source is allowed. */
function refusalOf(limits: readonly NetworkLimit[], source: Source): readonly (string | undefined)[] | undefined {
  try {
    checkSource(limits, () => source);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error));
    assert.equal(error.code, "source_not_allowed");
    return [error.message, error.detail.hint];
  }
}

describe("the source of a request", () => {
  test("isn't looked for where nothing is limited", () => {
    checkSource([], () => assert.fail("looked for"));
  });

  test("must be in the networks of the user and of the key", () => {
    assert.equal(refusalOf([office], { address: "192.0.2.8" }), undefined);
    assert.equal(refusalOf([office], { address: "2001:db8::8" }), undefined);
    assert.equal(refusalOf([server], { address: "192.0.2.7" }), undefined);
    assert.equal(refusalOf([office, server], { address: "192.0.2.7" }), undefined);
    for (const [limits, address] of [
      [[office], "198.51.100.1"],
      [[office, server], "192.0.2.8"],
      [[office, server], "2001:db8::8"],
      [[limitTo("user", ["198.51.100.0/24"]), server], "192.0.2.7"],
    ] as const) {
      assert.ok(refusalOf(limits, { address }), address);
    }
  });

  test("is named in the refusal, but no network is", () => {
    const hint =
      "Send the request from an allowed network, or ask the administrator of this service to allow this one.";
    assert.deepEqual(refusalOf([office], { address: "198.51.100.1" }), [
      "This API user may be used only from certain networks, and 198.51.100.1 isn't in one of them.",
      hint,
    ]);
    assert.deepEqual(refusalOf([office, server], { address: "192.0.2.8" }), [
      "This key may be used only from certain networks, and 192.0.2.8 isn't in one of them.",
      hint,
    ]);
  });

  test("that can't be known is refused, and the refusal says what to configure", () => {
    for (const [problem, message, hint] of [
      [
        "proxy_untrusted",
        "This API user may be used only from certain networks, and this request's address isn't known: it came through a proxy that isn't trusted.",
        "Ask the administrator of this service to add the proxy's address to COUNTERSIGN_TRUSTED_PROXIES.",
      ],
      [
        "proxy_silent",
        "This API user may be used only from certain networks, and this request's address isn't known: the proxy that sent it names no client.",
        "Ask the administrator of this service to have the proxy set X-Forwarded-For.",
      ],
      [
        "unreadable",
        "This API user may be used only from certain networks, and this request's address isn't known: what the proxy or the connection names isn't an IP address.",
        "Ask the administrator of this service to have the proxy set X-Forwarded-For to the client's address.",
      ],
    ] as const) {
      assert.deepEqual(refusalOf([office], { problem }), [message, hint]);
      assert.ok(refusalOf([limitTo("user", ["0.0.0.0/1", "128.0.0.0/1"])], { problem }), "whatever the networks");
    }
  });
});
