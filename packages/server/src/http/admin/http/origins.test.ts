import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createOrigins } from "./origins.ts";

describe("without a configured address, the console", () => {
  const origins = createOrigins(undefined, "http://127.0.0.1:8081");

  test("is at localhost, where passkeys work", () => {
    assert.equal(origins.consoleUrl, "http://localhost:8081");
    assert.equal(origins.isSecure, false);
    assert.equal(origins.relyingPartyId("http://localhost:8081"), "localhost");
  });

  for (const origin of [
    "http://localhost:8081",
    "http://127.0.0.1:8081",
    "http://[::1]:8081",
    "http://localhost:9000",
    "http://localhost",
  ]) {
    test(`may be used at ${origin}: this machine or a tunnel to it`, () => {
      assert.ok(origins.isAllowed(origin));
    });
  }

  for (const origin of [
    "null",
    "",
    "http://localhost:8081/",
    "http://localhost:8081/x",
    "HTTP://LOCALHOST:8081",
    "https://localhost:8081",
    "http://localhost.example:8081",
    "http://evil.example",
    "http://user@localhost:8081",
    "http://127.0.0.2:8081",
    "file://",
    "http://localhost:8081, http://evil.example",
  ]) {
    test(`may not be used from ${JSON.stringify(origin)}`, () => {
      assert.ok(!origins.isAllowed(origin));
      assert.equal(origins.relyingPartyId(origin), undefined);
    });
  }

  for (const origin of ["http://127.0.0.1:8081", "http://[::1]:8081"]) {
    test(`has no passkeys at ${origin}, which isn't a host name`, () => {
      assert.equal(origins.relyingPartyId(origin), undefined);
    });
  }
});

test("without a configured address, another program's page on this machine isn't the console", () => {
  const origins = createOrigins(undefined, "http://127.0.0.1:8081");
  assert.ok(origins.isConsole("http://localhost:8081", "localhost:8081"));
  assert.ok(origins.isConsole("http://localhost:9000", "127.0.0.1:9000"), "through a tunnel");
  for (const host of ["localhost:8081", "127.0.0.1", "localhost:x", "", undefined]) {
    assert.ok(!origins.isConsole("http://localhost:3000", host), String(host));
  }
  assert.ok(!origins.isConsole("http://evil.example", "evil.example"), "a foreign name that resolves here");
  const configured = createOrigins("https://console.example.com", "http://127.0.0.1:8081");
  assert.ok(configured.isConsole("https://console.example.com", "127.0.0.1:8081"), "behind a proxy");
});

test("a listener on a host name or a network address is a further origin beside the loopback ones", () => {
  const origins = createOrigins(undefined, "http://admin.internal:8081");
  assert.equal(origins.consoleUrl, "http://admin.internal:8081");
  assert.ok(origins.isAllowed("http://admin.internal:8081"));
  assert.ok(!origins.isAllowed("http://admin.internal:8082"));
  assert.ok(origins.isAllowed("http://localhost:8081"));
});

describe("a configured address", () => {
  const origins = createOrigins("https://console.example.com", "http://127.0.0.1:8081");

  test("is the only origin", () => {
    assert.ok(origins.isAllowed("https://console.example.com"));
    for (const other of ["http://console.example.com", "https://console.example.com:8443", "http://localhost:8081"]) {
      assert.ok(!origins.isAllowed(other), other);
    }
    assert.equal(origins.consoleUrl, "https://console.example.com");
    assert.equal(origins.isSecure, true);
    assert.equal(origins.relyingPartyId("https://console.example.com"), "console.example.com");
  });

  test("with a path is the prefix of links, and its origin is without the path", () => {
    const below = createOrigins("https://ops.example.com/countersign", "http://127.0.0.1:8081");
    assert.equal(below.consoleUrl, "https://ops.example.com/countersign");
    assert.ok(below.isAllowed("https://ops.example.com"));
  });
});

describe("the hosts at which the internal listener answers", () => {
  const origins = createOrigins("https://console.example/cs", "http://10.0.0.5:8081", [
    "countersign",
    "cs.monitoring.svc",
  ]);
  for (const host of [
    undefined,
    "localhost:8081",
    "LOCALHOST",
    "localhost.",
    "127.0.0.1:8081",
    "[::1]:8081",
    "192.0.2.7",
    "[2001:db8::1]:1",
    "console.example",
    "console.example:8443",
    "countersign:8081",
    "cs.monitoring.svc.",
  ]) {
    test(`include ${host}, and no other page's name`, () => {
      assert.ok(origins.isKnownHost(host));
    });
  }
  for (const host of [
    "evil.example",
    "localhost.evil.example",
    "console.example.evil.example",
    "127.0.0.1.evil.example",
    "",
    "a b",
    "@",
    "[::1",
    "evil.example@localhost:x",
  ]) {
    test(`${JSON.stringify(host)} is none`, () => {
      assert.ok(!origins.isKnownHost(host));
    });
  }
});

test("cookies of consoles on one machine have distinct names, by port and by path where there is one", () => {
  const plain = createOrigins(undefined, "http://127.0.0.1:8081");
  assert.equal(plain.cookieSuffix("localhost:8081"), "8081");
  assert.equal(plain.cookieSuffix("localhost:9000"), "9000", "through a tunnel");
  assert.equal(plain.cookieSuffix("localhost"), "80");
  assert.equal(plain.cookieSuffix(undefined), "8081");
  const configured = createOrigins("https://console.example", "http://127.0.0.1:8081");
  assert.equal(configured.cookieSuffix("whatever:1"), "443");
  const underPaths = ["/a", "/b/c", "/b(c)"].map((path) =>
    createOrigins(`https://console.example${path}`, "http://127.0.0.1:8081").cookieSuffix("x"),
  );
  assert.equal(new Set(underPaths).size, 3);
  for (const suffix of underPaths) assert.match(suffix, /^443_[\w-]+$/);
});
