import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfig } from "./config.ts";
import { findUnnamedProxy } from "./unnamed-proxy.ts";

function problemWith(settings: Readonly<Record<string, string>>): string | undefined {
  const environment = Object.entries(settings).map(([name, value]) => [`COUNTERSIGN_${name}`, value]);
  return findUnnamedProxy(parseConfig(Object.fromEntries(environment)));
}

test("a public URL with https shows a proxy where this service speaks no TLS", () => {
  for (const host of ["127.0.0.1", "0.0.0.0", "10.0.0.7", "auth.example"]) {
    assert.match(
      problemWith({ PUBLIC_URL: "https://auth.example", HOST: host }) ?? "",
      /^COUNTERSIGN_PUBLIC_URL begins/,
    );
  }
  assert.match(problemWith({ PUBLIC_URL: "https://localhost:8443" }) ?? "", /names no proxy$/);
});

test("a public URL with another host shows a proxy where the listener is at a loopback address", () => {
  for (const host of ["127.0.0.1", "127.0.0.2", "::1", "localhost", "LOCALHOST", "a.localhost"]) {
    assert.match(problemWith({ PUBLIC_URL: "http://auth.example", HOST: host }) ?? "", /^the public listener is at/);
  }
  assert.match(problemWith({ PUBLIC_URL: "http://10.0.0.7:8080" }) ?? "", /^the public listener is at/);
});

test("nothing shows a proxy where clients can reach the listener themselves", () => {
  assert.equal(problemWith({}), undefined);
  assert.equal(problemWith({ HOST: "0.0.0.0" }), undefined);
  assert.equal(problemWith({ HOST: "0.0.0.0", PUBLIC_URL: "http://auth.example:8080" }), undefined);
  for (const url of ["http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080", "http://a.localhost"]) {
    assert.equal(problemWith({ PUBLIC_URL: url }), undefined, url);
  }
});

test("a proxy that is named isn't missing", () => {
  assert.equal(problemWith({ PUBLIC_URL: "https://auth.example", TRUSTED_PROXIES: "10.0.0.0/8" }), undefined);
  assert.equal(problemWith({ PUBLIC_URL: "http://auth.example", TRUSTED_PROXIES: "127.0.0.1" }), undefined);
});

test("a Unix socket shows a proxy until unix: is named, whatever other proxies are", () => {
  const host = { HOST: "unix:/run/countersign/public.sock" };
  for (const more of [{}, { PUBLIC_URL: "https://auth.example" }, { TRUSTED_PROXIES: "127.0.0.1" }]) {
    assert.match(problemWith({ ...host, ...more }) ?? "", /^the public listener is a Unix socket/);
  }
  assert.equal(problemWith({ ...host, PUBLIC_URL: "https://auth.example", TRUSTED_PROXIES: "unix:" }), undefined);
});

test("with TLS in this process, a public URL with https shows no proxy, unless the listener is at a loopback address", () => {
  const files = { TLS_CERT_FILE: "/etc/tls.crt", TLS_KEY_FILE: "/etc/tls.key" };
  const url = { PUBLIC_URL: "https://auth.example" };
  assert.equal(problemWith({ ...files, ...url, HOST: "0.0.0.0" }), undefined);
  assert.match(problemWith({ ...files, ...url }) ?? "", /^the public listener is at a loopback address/);
  assert.equal(
    problemWith({ ...files, ...url, TLS_CLIENT_CA_FILE: "/etc/ca.crt" }),
    undefined,
    "gateways are known by certificates",
  );
});
