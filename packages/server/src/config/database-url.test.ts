import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "./config-error.ts";
import { databasePasswords, databasePlace, holdsPassword, parseDatabaseUrl } from "./database-url.ts";

function problemOf(text: string): string {
  try {
    parseDatabaseUrl(text);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    assert.doesNotMatch(error.message, /hunter2|[\r\n]/);
    return error.message;
  }
  throw new Error(`accepted: ${text}`);
}

test("URLs as PostgreSQL guides give them are accepted, and passed to the driver in a spelling that it understands", () => {
  for (const [text, url] of [
    ["postgres://u:p@localhost/x", "postgres://u:p@localhost/x"],
    ["postgres://u:p@/x?host=/cloudsql/a:b:c", "postgres://u:p@localhost/x?host=/cloudsql/a:b:c"],
    ["postgres:///x?host=/run/postgresql&port=6432", "postgres://localhost/x?host=/run/postgresql&port=6432"],
    ["postgres://u@%2Frun%2Fpostgresql/x", "postgres://u@%2Frun%2Fpostgresql/x"],
    ["postgres://u:p%40%2F%3Fss@[::1]:5432/x", "postgres://u:p%40%2F%3Fss@[::1]:5432/x"],
    ["postgres://u:100%@127.0.0.1/x", "postgres://u:100%25@127.0.0.1/x"],
    ["postgres://u:p@ss@127.0.0.1/x", "postgres://u:p%40ss@127.0.0.1/x"],
    ["postgres://u:p@127.0.0.1/a%2Fb%3Ac", "postgres://u:p@127.0.0.1/a/b:c"],
    ["POSTGRES://localhost/x", "postgres://localhost/x"],
  ] as const) {
    assert.equal(parseDatabaseUrl(text), url);
    assert.equal(parseDatabaseUrl(url), url);
  }
});

test("a URL that the driver can't use is refused with the actual reason", () => {
  for (const [text, says] of [
    ["postgres://u:hunter2@a:5432,b:5432/x", /several hosts/],
    ["postgres:///x?host=a,b", /several hosts/],
    ["postgres:///x?host=a&port=1,2", /several hosts/],
    ["host=a dbname=x password=hunter2", /keywords and values .* aren't supported; write a URL/],
    ["dbname = x", /keywords and values/],
    ["postgres://u:hunter2#a@localhost/x", /holds a character that is reserved in URLs; write @ as %40/],
    ["postgres://u:hunter2/a@localhost/x", /is reserved in URLs/],
    ["postgres://u:1/hunter2@localhost/x", /is reserved in URLs/],
    ["postgres://u:1?hunter2@localhost/x", /is reserved in URLs/],
    ["postgres://u:1#hunter2@localhost/x", /is reserved in URLs/],
    ["postgres://u:a@b?hunter2@localhost/x", /is reserved in URLs/],
    ["postgres://cs:p@ss#w/rd?%@127.0.0.1/x", /is reserved in URLs/],
    ["postgres://u:%ff@localhost/x", /percent-encoding that isn't UTF-8/],
    ["postgres://localhost/x#y", /fragment/],
    ["postgres://localhost/x%3Fy", /must not hold \? or #/],
    ["postgres:///x", /names no host/],
    ["postgres://u:hunter2@/x", /names no host/],
    ["postgres://localhost", /names no database/],
    ["postgres://u:hunter2@local host/x", /host or port is malformed/],
    ["postgres://localhost:99999/x", /host or port is malformed/],
    ["postgres:///x?host=/run&port=a", /port isn't a port/],
    ["postgres://localhost/x?sslmode=disable&sslmode=verify-full", /gives a parameter twice/],
    ["postgres://localhost/x?service=y", /ignores the parameter service/],
    ["postgres://a/x?hostaddr=127.0.0.1&sslmode=disable", /ignores the parameter hostaddr/],
    ["/run/postgresql x", /begins with postgres:/],
  ] as const) {
    assert.match(problemOf(text), says, text);
  }
});

test("a database across the network needs TLS, unless the URL says sslmode=disable", () => {
  const says = /doesn't ask for TLS, .* add sslmode=verify-full .* or sslmode=disable/;
  for (const host of ["db", "10.0.0.1", "[fd00::1]", "localhost.example", "128.0.0.1", "db.internal:6432"]) {
    assert.match(problemOf(`postgres://u:hunter2@${host}/x`), says, host);
    assert.match(problemOf(`postgres://u:hunter2@${host}/x?ssl=0`), says);
    assert.match(problemOf(`postgres://u:hunter2@${host}/x?ssl=false`), says);
    for (const parameter of [
      "sslmode=disable",
      "sslmode=require",
      "ssl=true",
      "sslrootcert=/ca.pem",
      "sslnegotiation=direct",
    ]) {
      parseDatabaseUrl(`postgres://u:p@${host}/x?${parameter}`);
    }
  }
  assert.match(problemOf("postgres://localhost/x?host=db"), says, "the parameter is where the driver connects");
  for (const host of ["localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "[::1]", "%2Frun"]) {
    parseDatabaseUrl(`postgres://${host}/x`);
  }
});

test("a database's location is shown without its credentials, and its passwords are found for redaction", () => {
  assert.equal(databasePlace("postgres://u:p@db:5432/x?sslmode=disable"), "db:5432/x");
  assert.equal(databasePlace("postgres://u:p@localhost/x?host=/run&port=1"), "/run:1/x");
  assert.equal(databasePlace("postgres://%2Frun/x"), "/run/x");
  assert.deepEqual(databasePasswords("postgres://u:p%40@h/x?password=q%25&sslpassword=r"), ["p%40", "p@", "q%", "r"]);
  assert.deepEqual(databasePasswords("postgres://u@h/x"), []);
  for (const text of [
    "postgres://u:p@h/x",
    "postgres://h/x?a=b&password=p",
    "host=h password=p",
    "postgres://u:p/w@h",
  ]) {
    assert.ok(holdsPassword(text), text);
  }
  for (const text of ["postgres://u@h:1/x", "postgres://h:1/x?host=/a", "postgres://u:@h/x", "-"]) {
    assert.ok(!holdsPassword(text), text);
  }
});
