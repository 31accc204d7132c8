import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  ConfigError,
  type Flags,
  parseConfig,
  passwordNotice,
  platformNotice,
  readConfig,
  SETTING_GROUPS,
  SETTINGS,
} from "./config.ts";
import { shownSettings } from "./shown-settings.ts";

/** Looks random, but is the same in every run. */
const secretBytes = (number: number) => createHash("sha256").update(`secret ${number}`).digest();
const secret = (number: number) => secretBytes(number).toString("base64");

/** The message of the ConfigError; it must be one line. */
function problemOf(environment: Record<string, string>, flags: Flags = {}): string {
  try {
    parseConfig(environment, flags);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    assert.doesNotMatch(error.message, /[\r\n]/);
    return error.message;
  }
  throw new Error(`accepted: ${JSON.stringify({ environment, flags })}`);
}

test("without any setting, the documented defaults apply", () => {
  assert.deepEqual(parseConfig({}), {
    host: "127.0.0.1",
    port: 8080,
    adminHost: "127.0.0.1",
    adminPort: 8081,
    listenOnly: undefined,
    metricsHost: "127.0.0.1",
    metricsPort: undefined,
    publicUrl: undefined,
    adminUrl: undefined,
    adminNames: [],
    tlsCertFile: undefined,
    tlsKeyFile: undefined,
    tlsClientCaFile: undefined,
    adminTlsCertFile: undefined,
    adminTlsKeyFile: undefined,
    oidcIssuer: undefined,
    oidcClientId: undefined,
    oidcClientSecret: undefined,
    oidcScope: "openid email",
    oidcGroupsClaim: "groups",
    oidcRoles: [],
    dataDir: "./data",
    secretFileAccess: "owner",
    databaseUrl: undefined,
    databaseListenUrl: undefined,
    databaseConnections: 10,
    masterSecrets: undefined,
    workers: 1,
    adminToken: undefined,
    trustedProxies: [],
    webhookNetworks: [],
    keyBlocklist: [],
    maxKeyAge: undefined,
    weakKeys: "report",
    refusalLimit: 600,
    keyProof: "optional",
    connectionsMax: undefined,
    connectionsPerAddressMax: undefined,
    keepAlive: 75_000,
    drainDelay: 1000,
    logLevel: "info",
  });
});

test("a flag wins over a variable, which wins over the default", () => {
  assert.equal(parseConfig({ COUNTERSIGN_PORT: "1" }).port, 1);
  assert.equal(parseConfig({ COUNTERSIGN_PORT: "1" }, { port: "2" }).port, 2);
  assert.equal(parseConfig({ COUNTERSIGN_PORT: "nonsense" }, { port: "2" }).port, 2);
  assert.match(problemOf({ COUNTERSIGN_PORT: "1" }, { port: "x" }), /^--port: /);
});

test("other programs' variables are ignored; an unknown COUNTERSIGN_ variable is refused with a list of the known ones", () => {
  parseConfig({ PATH: "/bin", COUNTERSIGNED: "x", MY_COUNTERSIGN_PORT: "x", _COUNTERSIGN_TAKES_OVER: "1" });
  // A CI run sets it for the tests, whose programs may inherit it.
  parseConfig({ COUNTERSIGN_TEST_VECTORS: "/vectors" });
  const message = problemOf({ COUNTERSIGN_PROT: "8080" });
  assert.match(message, /^COUNTERSIGN_PROT: no such variable; known are COUNTERSIGN_HOST, COUNTERSIGN_PORT, /);
  for (const { variable } of Object.values(SETTINGS)) assert.ok(message.includes(variable), variable);
  // Only a secret has one.
  assert.match(problemOf({ COUNTERSIGN_PORT_FILE: "/etc/port" }), /^COUNTERSIGN_PORT_FILE: no such variable/);
});

for (const [variable, allowed, refused, says] of [
  [
    "COUNTERSIGN_HOST",
    ["127.0.0.1", "0.0.0.0", "::", "::1", "localhost", "a-b.example.com"],
    ["", " ", "http://localhost", "localhost:80", "a b", "-x", "x-", "a/b", "[::1]", "1.2.3.4\n"],
    /IP address or host name/,
  ],
  [
    "COUNTERSIGN_PORT",
    ["0", "1", "8080", "65535"],
    ["", "-1", "65536", "80.5", "8080 ", "+80", "0x50", "1e3", "http", "99999999999999999999"],
    /whole number from 0 to 65535/,
  ],
  ["COUNTERSIGN_ADMIN_HOST", ["::"], ["http://x"], /IP address or host name/],
  ["COUNTERSIGN_ADMIN_PORT", ["0"], ["65536"], /whole number from 0 to 65535/],
  [
    "COUNTERSIGN_PUBLIC_URL",
    ["https://auth.example.com", "http://localhost:8080/", "https://example.com/auth/"],
    ["", "auth.example.com", "ftp://x", "https://", "https://u:p@x", "https://x/?a=b", "https://x/#a", "javascript:x"],
    /URL/,
  ],
  ["COUNTERSIGN_DATA_DIR", ["/var/lib/countersign", "data", "a b"], ["", "a\0b"], /path|empty/],
  [
    "COUNTERSIGN_WORKERS",
    ["1", "2", "256", "auto"],
    ["", "0", "257", "AUTO", "1.0", "-1", "many"],
    /whole number from 1 to 256/,
  ],
  [
    "COUNTERSIGN_TRUSTED_PROXIES",
    ["127.0.0.1", "10.0.0.0/8, ::1", "fd00::/8", "10.0.0.1,10.0.0.2"],
    ["", "proxy", "10.0.0.0/33", "10.0.0.1,", "10.0.0.1;10.0.0.2", "300.1.1.1", "10.0.0.1/255.0.255.0"],
    /IP addresses, networks/,
  ],
  [
    "COUNTERSIGN_WEBHOOK_NETWORKS",
    ["127.0.0.1", "10.0.0.0/8, ::1", "fd00::/8", "10.0.0.1,10.0.0.2"],
    ["", "localhost", "10.0.0.0/33", "10.0.0.1/8", "0.0.0.0/0", "0x7f.1", "10.0.0.1,", "10.0.0.0/255.0.0.0"],
    /IP addresses, or networks/,
  ],
  ["COUNTERSIGN_REFUSAL_LIMIT", ["0", "1", "1000000000"], ["", "-1", "1000000001", "6e2", "many"], /whole number/],
  ["COUNTERSIGN_KEY_PROOF", ["optional", "required"], ["", "Required", "yes", "none"], /one of optional, required/],
  [
    "COUNTERSIGN_LOG_LEVEL",
    ["trace", "debug", "info", "warn", "error", "fatal", "silent"],
    ["", "INFO", "verbose", "10"],
    /one of trace, debug, info, warn, error, fatal, silent/,
  ],
  ...(["COUNTERSIGN_DATABASE_URL", "COUNTERSIGN_DATABASE_LISTEN_URL"] as const).map(
    (variable) =>
      [
        variable,
        [
          "postgres://localhost/x",
          "postgresql://user:p%40ss@db.internal:6432/countersign?sslmode=verify-full&sslrootcert=/etc/ca.pem",
          "postgres://user@[::1]:5432/x",
          "postgres:///x?host=/run/postgresql",
          ...["disable", "prefer", "require", "verify-ca", "verify-full", "no-verify"].map(
            (mode) => `postgres://h/x?sslmode=${mode}`,
          ),
        ],
        [
          "",
          "localhost",
          "mysql://h/x",
          "http://h/x",
          "/run/postgresql",
          "host=h dbname=x",
          "postgres://",
          "postgres://h",
          "postgres://h/",
          "postgres:///x",
          "postgres://h:0x1/x",
          "postgres://h/x?sslmode=allow",
          "postgres://h/x?sslmode=",
          "postgres://h/x?sslmode=Verify-Full",
        ],
        /begins with postgres:|names no (?:host|database)|host or port is malformed|sslmode must be one of disable, /,
      ] as const,
  ),
  [
    "COUNTERSIGN_DATABASE_CONNECTIONS",
    ["2", "10", "1000"],
    ["", "0", "1", "1001", "ten", "-2"],
    /whole number from 2 to 1000/,
  ],
] as const) {
  test(`${variable} accepts allowed values, and refuses others with a message that names it and what is allowed`, () => {
    for (const text of allowed) parseConfig({ [variable]: text });
    for (const text of refused) {
      const message = problemOf({ [variable]: text });
      assert.ok(message.startsWith(`${variable}: `), message);
      assert.match(message, text === "" ? /is empty; give a value or leave it out/ : says);
    }
  });
}

test("a slash at the end of the public URL is dropped", () => {
  const publicUrl = (text: string) => parseConfig({ COUNTERSIGN_PUBLIC_URL: text }).publicUrl;
  assert.equal(publicUrl("https://auth.example.com/"), "https://auth.example.com");
  assert.equal(publicUrl("https://example.com/auth//"), "https://example.com/auth");
  assert.equal(publicUrl("HTTPS://Auth.Example.com"), "https://auth.example.com");
});

test("a master secret is exactly 32 bytes of base64, in any usual spelling; a list keeps its order", () => {
  const read = (text: string) => parseConfig({ COUNTERSIGN_MASTER_SECRET: text }).masterSecrets;
  assert.deepEqual(read(secret(1)), [secretBytes(1)]);
  assert.deepEqual(read(`${secret(2)},${secret(1)}`), [secretBytes(2), secretBytes(1)]);
  assert.deepEqual(read(`${secret(2)} , ${secret(1)}`), [secretBytes(2), secretBytes(1)]);
  assert.deepEqual(read(secret(255).replace(/=+$/, "")), [secretBytes(255)]);
  assert.deepEqual(read(secretBytes(255).toString("base64url")), [secretBytes(255)]);
});

test("a malformed master secret is refused, never cut to size, and its value is never repeated", () => {
  for (const [text, says] of [
    ["", /is empty/],
    [Buffer.alloc(31, 1).toString("base64"), /32 bytes in base64 are needed; entry 1 has 31/],
    [Buffer.alloc(33, 1).toString("base64"), /entry 1 has 33/],
    [Buffer.alloc(32, 7).toString("hex"), /entry 1 has 48/],
    [`${secret(1)},`, /entry 2/],
    [`${secret(1)},${secret(1)}x`, /entry 2 isn't base64/],
    ["correct horse battery staple, and more", /isn't base64/],
    [`"${secret(1)}"`, /isn't base64/],
  ] as const) {
    const message = problemOf({ COUNTERSIGN_MASTER_SECRET: text });
    assert.match(message, /^COUNTERSIGN_MASTER_SECRET: /);
    assert.match(message, says);
    for (const part of text.split(",")) {
      if (part.length > 4) assert.ok(!message.includes(part.trim()), message);
    }
  }
});

test("a secret may come from a file; messages name the file and never show its contents", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "countersign-config-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const read = (path: string) => parseConfig({ COUNTERSIGN_MASTER_SECRET_FILE: path }).masterSecrets;
  assert.deepEqual(read(file("good", `${secret(3)}\n`)), [secretBytes(3)]);
  const problem = (path: string, more: Record<string, string> = {}) =>
    problemOf({ COUNTERSIGN_MASTER_SECRET_FILE: path, ...more });
  assert.match(
    problem(join(folder, "none")),
    /^COUNTERSIGN_MASTER_SECRET_FILE: the file can't be read \(ENOENT\); name a readable file$/,
  );
  assert.match(problem(folder), /^COUNTERSIGN_MASTER_SECRET_FILE: the file is a folder; name a regular file$/);
  assert.match(problem(""), /^COUNTERSIGN_MASTER_SECRET_FILE: /);
  assert.match(problem(file("empty", "\n")), /^COUNTERSIGN_MASTER_SECRET_FILE: is empty/);
  assert.match(problem(file("large", "x".repeat(70_000))), /^COUNTERSIGN_MASTER_SECRET_FILE: .*larger than 64 KiB/);
  const mangled = problem(file("mangled", secret(3).slice(4)));
  assert.match(mangled, /^COUNTERSIGN_MASTER_SECRET_FILE: .*32 bytes/);
  assert.ok(!mangled.includes(secret(3).slice(4)));
  assert.match(
    problem(join(folder, "good"), { COUNTERSIGN_MASTER_SECRET: secret(4) }),
    /^COUNTERSIGN_MASTER_SECRET_FILE: COUNTERSIGN_MASTER_SECRET is set as well; set one of the two$/,
  );
});

test("a refusal of a database URL repeats no part of it", () => {
  for (const variable of ["COUNTERSIGN_DATABASE_URL", "COUNTERSIGN_DATABASE_LISTEN_URL"]) {
    for (const url of [
      "mysql://hugo:hunter2@db.internal/x",
      "postgres://hugo:hunter2@db.internal",
      "postgres://hugo:hunter2@db.internal/x?sslmode=hunter2",
      "postgres://hugo:hunter2@db internal/x",
      "hugo:hunter2@db.internal/x",
    ]) {
      assert.doesNotMatch(problemOf({ [variable]: url }), /hunter2|db.internal|hugo/);
    }
  }
});

test("a database URL is passed on unchanged from a variable, a file or the flag", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "countersign-config-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const url = "postgres://user:p%40ss@db.internal:6432/x?sslmode=require";
  writeFileSync(join(folder, "url"), `${url}\n`, { mode: 0o600 });
  assert.equal(parseConfig({ COUNTERSIGN_DATABASE_URL: url }).databaseUrl, url);
  assert.equal(parseConfig({ COUNTERSIGN_DATABASE_URL_FILE: join(folder, "url") }).databaseUrl, url);
  assert.equal(parseConfig({ COUNTERSIGN_DATABASE_LISTEN_URL_FILE: join(folder, "url") }).databaseListenUrl, url);
  assert.equal(parseConfig({}, { databaseUrl: url }).databaseUrl, url);
  assert.equal(parseConfig({ COUNTERSIGN_DATABASE_URL: url }).databaseListenUrl, undefined);
});

test("workers: auto means one for each core", () => {
  assert.equal(parseConfig({ COUNTERSIGN_WORKERS: "auto" }).workers, availableParallelism());
  assert.equal(parseConfig({}, { workers: "3" }).workers, 3);
});

const OIDC = {
  COUNTERSIGN_OIDC_ISSUER: "https://idp.example/realms/a",
  COUNTERSIGN_OIDC_CLIENT_ID: "countersign",
  COUNTERSIGN_OIDC_CLIENT_SECRET: "a-secret",
  COUNTERSIGN_OIDC_ROLES: "owners=owner",
} as const;

test("single sign-on is configured completely or not at all; the message names the missing variable", () => {
  parseConfig(OIDC);
  parseConfig({ COUNTERSIGN_OIDC_SCOPE: "openid", COUNTERSIGN_OIDC_GROUPS_CLAIM: "roles" });
  for (const missing of Object.keys(OIDC)) {
    const { [missing]: _, ...rest } = OIDC as Record<string, string>;
    assert.match(problemOf(rest), new RegExp(`^${missing}: is missing; single sign-on needs it`));
  }
  for (const [name, value] of Object.entries(OIDC)) assert.match(problemOf({ [name]: value }), /^COUNTERSIGN_OIDC_/);
  assert.doesNotMatch(problemOf({ COUNTERSIGN_OIDC_CLIENT_SECRET: "a-secret" }), /a-secret/);
});

test("an identity provider without TLS is accepted on this machine only", () => {
  for (const issuer of ["http://localhost:9000", "http://127.0.0.1", "http://[::1]:1/x", "https://idp.example/"]) {
    assert.equal(parseConfig({ ...OIDC, COUNTERSIGN_OIDC_ISSUER: issuer }).oidcIssuer, issuer);
  }
  for (const issuer of [
    "http://idp.example",
    "http://localhost.example",
    "idp.example",
    "ftp://x",
    "https://x?a",
    "https://u:p@x",
  ]) {
    assert.match(problemOf({ ...OIDC, COUNTERSIGN_OIDC_ISSUER: issuer }), /^COUNTERSIGN_OIDC_ISSUER: (a|the) URL/);
  }
});

test("groups map to roles, which must be spelt exactly, and the scope must ask for an ID token", () => {
  const rolesOf = (text: string) => parseConfig({ ...OIDC, COUNTERSIGN_OIDC_ROLES: text }).oidcRoles;
  assert.deepEqual(rolesOf("platform-owners=owner, platform = staff=admin,acme-team=viewer@acme"), [
    { group: "platform-owners", role: "owner", account: null },
    { group: "platform = staff", role: "admin", account: null },
    { group: "acme-team", role: "viewer", account: "acme" },
  ]);
  for (const text of [
    "owner",
    "g=",
    "=owner",
    "g=root",
    "g=Owner",
    "g=owner@",
    "g=owner@No",
    "g=owner,",
    "g=owner;h=admin",
  ]) {
    assert.match(
      problemOf({ ...OIDC, COUNTERSIGN_OIDC_ROLES: text }),
      /^COUNTERSIGN_OIDC_ROLES: entry [12] isn't <group>=<role>.* roles are viewer, admin, owner$/,
      text,
    );
  }
  assert.equal(
    parseConfig({ ...OIDC, COUNTERSIGN_OIDC_SCOPE: " openid  email groups " }).oidcScope,
    "openid email groups",
  );
  assert.match(problemOf({ ...OIDC, COUNTERSIGN_OIDC_SCOPE: "email" }), /^COUNTERSIGN_OIDC_SCOPE: .*"openid"/);
});

test("quotes, blanks and line ends that a value picks up from a file or a script are refused in every setting", () => {
  const texts = {
    host: "localhost",
    adminHost: "localhost",
    publicUrl: "https://auth.example",
    adminUrl: "https://admin.example",
    oidcIssuer: "https://idp.example",
    oidcClientId: "id",
    oidcGroupsClaim: "groups",
    dataDir: "./data",
    databaseUrl: "postgres://localhost/x",
  } as const;
  for (const [name, text] of Object.entries(texts) as [keyof typeof texts, string][]) {
    const { variable, flag = "" } = SETTINGS[name];
    for (const [mangled, says] of [
      [`${text}\n`, /ends with a line break/],
      [`${text}\r`, /ends with a line break/],
      [`\n${text}`, /begins or ends with white space/],
      [` ${text}`, /begins or ends with white space/],
      [`${text}\t`, /begins or ends with white space/],
      [`${text}\u00a0`, /begins or ends with white space/],
      [`"${text}"`, /quotation mark/],
      [`'${text}'`, /quotation mark/],
      [`${text}"`, /quotation mark/],
      [`“${text}”`, /quotation mark/],
      [`${text.slice(0, 1)}\u0001${text.slice(1)}`, /control character/],
      [`${text.slice(0, 1)}\n${text.slice(1)}`, /control character/],
      [`${text.slice(0, 1)}\ufeff${text.slice(1)}`, /control character/],
      [`${text}\ufffd`, /aren't UTF-8/],
    ] as const) {
      const byVariable = problemOf({ [variable]: mangled });
      assert.ok(byVariable.startsWith(`${variable}: `), byVariable);
      assert.match(byVariable, says, JSON.stringify(mangled));
      assert.match(problemOf({}, { [name]: mangled }), new RegExp(`^${flag.split(" ")[0]}: .*${says.source}`));
    }
  }
  for (const text of ['"a-secret"', "a-secret\r", " a-secret"]) {
    const problem = problemOf({ ...OIDC, COUNTERSIGN_OIDC_CLIENT_SECRET: text });
    assert.match(problem, /^COUNTERSIGN_OIDC_CLIENT_SECRET: the value/);
    assert.doesNotMatch(problem, /a-secret/);
  }
  assert.match(
    problemOf({ COUNTERSIGN_DATABASE_URL_FILE: '"/run/secret"' }),
    /^COUNTERSIGN_DATABASE_URL_FILE: .*quotation/,
  );
});

test("a list may have one entry a line", () => {
  assert.deepEqual(parseConfig({ COUNTERSIGN_TRUSTED_PROXIES: "10.0.0.1,\n  10.0.0.2\n" }).trustedProxies, [
    "10.0.0.1",
    "10.0.0.2",
  ]);
  assert.deepEqual(parseConfig({ COUNTERSIGN_MASTER_SECRET: `${secret(1)},\n${secret(2)}` }).masterSecrets, [
    secretBytes(1),
    secretBytes(2),
  ]);
});

test("a path that a shell should have expanded is refused: it would create an empty store somewhere else", () => {
  for (const [text, says] of [
    ["~/data", /aren't expanded/],
    ["~", /aren't expanded/],
    ["$HOME/data", /aren't expanded/],
    ["/var/${NAME}/data", /aren't expanded/],
    ["/var/$(hostname)", /aren't expanded/],
    ["file:///var/lib/countersign", /not a URL/],
    ["./data # the store", /comment/],
  ] as const) {
    assert.match(problemOf({ COUNTERSIGN_DATA_DIR: text }), says);
    assert.match(problemOf({}, { dataDir: text }), says);
  }
  for (const text of ["/var/lib/a#1", "a~b", "C$", "data's", "/srv/ünïcode"]) {
    assert.equal(parseConfig({ COUNTERSIGN_DATA_DIR: text }).dataDir, text);
  }
});

test("a master secret that wasn't drawn at random is refused, whichever entry it is, by value and from a file", (t) => {
  const zeros = Buffer.alloc(32).toString("base64");
  const says = /entry 2 isn't random; make 32 random bytes with: openssl rand -base64 32$/;
  assert.match(problemOf({ COUNTERSIGN_MASTER_SECRET: `${secret(1)},${zeros}` }), says);
  const folder = mkdtempSync(join(tmpdir(), "countersign-config-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  writeFileSync(join(folder, "secret"), `${secret(1)},${zeros}`, { mode: 0o600 });
  assert.match(problemOf({ COUNTERSIGN_MASTER_SECRET_FILE: join(folder, "secret") }), says);
});

test("a secret file that others can read, or that is a symbolic link, is refused unless the setting for groups allows it", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "countersign-config-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const [file, link] = [join(folder, "file"), join(folder, "link")];
  writeFileSync(file, secret(1), { mode: 0o600 });
  chmodSync(file, 0o640);
  symlinkSync(file, link);
  for (const variable of [
    "COUNTERSIGN_MASTER_SECRET_FILE",
    "COUNTERSIGN_DATABASE_URL_FILE",
    "COUNTERSIGN_DATABASE_LISTEN_URL_FILE",
    "COUNTERSIGN_OIDC_CLIENT_SECRET_FILE",
  ]) {
    assert.match(problemOf({ [variable]: file }), new RegExp(`^${variable}: the file has the mode 0640 .*chmod 600`));
    assert.match(problemOf({ [variable]: link }), new RegExp(`^${variable}: the file is a symbolic link`));
  }
  const shared = { COUNTERSIGN_MASTER_SECRET_FILE: link, COUNTERSIGN_SECRET_FILE_ACCESS: "group" };
  assert.deepEqual(parseConfig(shared).masterSecrets, [secretBytes(1)]);
  assert.match(problemOf({ COUNTERSIGN_SECRET_FILE_ACCESS: "all" }), /one of owner, group is needed/);
});

const SERVICE_LINKS = {
  COUNTERSIGN_SERVICE_HOST: "10.43.0.18",
  COUNTERSIGN_SERVICE_PORT: "8080",
  COUNTERSIGN_SERVICE_PORT_HTTP: "8080",
  COUNTERSIGN_PORT: "tcp://10.43.0.18:8080",
  COUNTERSIGN_PORT_8080_TCP: "tcp://10.43.0.18:8080",
  COUNTERSIGN_PORT_8080_TCP_PROTO: "tcp",
  COUNTERSIGN_PORT_8080_TCP_PORT: "8080",
  COUNTERSIGN_PORT_8080_TCP_ADDR: "10.43.0.18",
  COUNTERSIGN_ADMIN_SERVICE_HOST: "fd00::12",
  COUNTERSIGN_ADMIN_PORT: "tcp://[fd00::12]:8081",
  COUNTERSIGN_ADMIN_PORT_8081_UDP: "udp://[fd00::12]:8081",
  COUNTERSIGN_DB_PORT: "tcp://10.43.0.19:5432",
  COUNTERSIGN_DB_PORT_5432_TCP_START: "tcp://10.43.0.19:5432",
  COUNTERSIGN_DB_NAME: "/app/countersign-db",
  COUNTERSIGN_DB_ENV_POSTGRES_PASSWORD: "hunter2",
} as const;

test("variables that Kubernetes or Docker set for a service named countersign are ignored and named in one line", () => {
  const config = parseConfig(SERVICE_LINKS);
  assert.deepEqual(config, parseConfig({}));
  assert.equal(parseConfig(SERVICE_LINKS, { port: "9000" }).port, 9000);
  const notice = platformNotice({ ...SERVICE_LINKS, COUNTERSIGN_HOST: "::1" }) ?? "";
  for (const name of Object.keys(SERVICE_LINKS)) assert.ok(notice.includes(name), name);
  assert.doesNotMatch(notice, /COUNTERSIGN_HOST,|hunter2/);
  assert.match(notice, /enableServiceLinks/);
  assert.equal(platformNotice({ COUNTERSIGN_PORT: "8080" }), undefined);
});

test("a mistyped variable is refused even if its name or its value alone looks like a platform's", () => {
  for (const [name, value] of [
    ["COUNTERSIGN_SERVICE_HOST", "auth.example"],
    ["COUNTERSIGN_SERVICE_PORT", "http"],
    ["COUNTERSIGN_DB_PORT", "5432"],
    ["COUNTERSIGN_PROT", "tcp://10.43.0.18:8080"],
    ["COUNTERSIGN_NAME", "countersign"],
    ["COUNTERSIGN_ENV_PORT", "8080"],
    ["COUNTERSIGN_PORT_8080_TCP", "8080"],
  ] as const) {
    assert.match(problemOf({ [name]: value }), new RegExp(`^${name}: no such variable`));
  }
  assert.match(problemOf({ COUNTERSIGN_SERVICE_HOST: "x" }), /Kubernetes .* enableServiceLinks/);
  assert.match(problemOf({ COUNTERSIGN_PORT: "udp://" }), /whole number/);
});

test("a password in a flag causes a warning that doesn't repeat it", () => {
  for (const databaseUrl of [
    "postgres://u:hunter2@h/x",
    "postgres://h/x?password=hunter2",
    "postgres://u:p@ss/hunter2",
  ]) {
    const notice = passwordNotice({ databaseUrl }) ?? "";
    assert.match(
      notice,
      /^--database-url holds a password.*COUNTERSIGN_DATABASE_URL or COUNTERSIGN_DATABASE_URL_FILE$/,
    );
    assert.doesNotMatch(notice, /hunter2/);
  }
  for (const databaseUrl of [undefined, "postgres://u@h:5432/x", "postgres://h/x?sslmode=disable"]) {
    assert.equal(passwordNotice({ databaseUrl }), undefined);
  }
});

test("a host may be the absolute path of a Unix socket", () => {
  assert.equal(
    parseConfig({ COUNTERSIGN_HOST: "unix:/run/countersign/public.sock" }).host,
    "unix:/run/countersign/public.sock",
  );
  const longest = `unix:/${"a".repeat(106)}`;
  assert.equal(parseConfig({ COUNTERSIGN_HOST: longest }).host, longest);
  for (const [host, problem] of [
    ["unix:", /^COUNTERSIGN_HOST: unix: needs an absolute path/],
    ["unix:public.sock", /absolute path/],
    ["unix:@abstract", /absolute path/],
    ["unix:///run/public.sock", /one slash/],
    ["unix:/run/", /not of a folder/],
    [`${longest}a`, /at most 107 bytes, and this one has 108/],
    [`unix:/${"é".repeat(60)}`, /at most 107 bytes, and this one has 121/],
    ["unix:/run/$USER/public.sock", /aren't expanded/],
    ["UNIX:/run/public.sock", /an IP address or host name/],
  ] as const) {
    assert.match(problemOf({ COUNTERSIGN_HOST: host }), problem, host);
  }
});

test("the two listeners can't share a Unix socket", () => {
  assert.match(
    problemOf({ COUNTERSIGN_HOST: "unix:/run/c.sock", COUNTERSIGN_ADMIN_HOST: "unix:/run/c.sock" }),
    /^COUNTERSIGN_ADMIN_HOST: is the socket of COUNTERSIGN_HOST; name another$/,
  );
});

test("only a listener that exists can be the only one", () => {
  assert.equal(parseConfig({}, { listenOnly: "public" }).listenOnly, "public");
  assert.match(
    problemOf({ COUNTERSIGN_LISTEN_ONLY: "admin" }),
    /^COUNTERSIGN_LISTEN_ONLY: one of public, internal is needed$/,
  );
});

test("unix: is a trusted proxy beside addresses and networks", () => {
  assert.deepEqual(parseConfig({ COUNTERSIGN_TRUSTED_PROXIES: "unix:, 10.0.0.0/8" }).trustedProxies, [
    "unix:",
    "10.0.0.0/8",
  ]);
  assert.match(
    problemOf({ COUNTERSIGN_TRUSTED_PROXIES: "unix:/run/nginx.sock" }),
    /^COUNTERSIGN_TRUSTED_PROXIES: IP addresses/,
  );
});

test("TLS is configured completely or not at all, and not for a Unix socket", () => {
  const files = { COUNTERSIGN_TLS_CERT_FILE: "/etc/tls.crt", COUNTERSIGN_TLS_KEY_FILE: "/etc/tls.key" };
  assert.equal(parseConfig(files).tlsKeyFile, "/etc/tls.key");
  for (const [environment, problem] of [
    [
      { COUNTERSIGN_TLS_CERT_FILE: "/etc/tls.crt" },
      /^COUNTERSIGN_TLS_KEY_FILE: is missing; .* COUNTERSIGN_TLS_CERT_FILE is set$/,
    ],
    [{ COUNTERSIGN_TLS_KEY_FILE: "/etc/tls.key" }, /^COUNTERSIGN_TLS_CERT_FILE: is missing/],
    [{ COUNTERSIGN_ADMIN_TLS_CERT_FILE: "/etc/tls.crt" }, /^COUNTERSIGN_ADMIN_TLS_KEY_FILE: is missing/],
    [
      { COUNTERSIGN_TLS_CLIENT_CA_FILE: "/etc/ca.crt" },
      /^COUNTERSIGN_TLS_CERT_FILE: is missing; client certificates need TLS/,
    ],
    [{ ...files, COUNTERSIGN_HOST: "unix:/run/c.sock" }, /^COUNTERSIGN_TLS_CERT_FILE: a Unix socket takes no TLS/],
    [{ ...files, COUNTERSIGN_TLS_CERT_FILE: "" }, /^COUNTERSIGN_TLS_CERT_FILE: is empty/],
  ] as const) {
    assert.match(problemOf(environment), problem);
  }
});

test("a reading reports every problem, and has the default of each setting that has one", () => {
  const given = {
    COUNTERSIGN_PROT: "8080",
    COUNTERSIGN_PORT: "eighty",
    COUNTERSIGN_WORKERS: "0",
    COUNTERSIGN_LOG_LEVEL: "debug",
    COUNTERSIGN_DATABASE_URL: "mysql://u:hunter2@h/x",
  };
  const { config, problems } = readConfig(given, { refusalLimit: "-1" });
  assert.deepEqual(
    problems.map(({ error, setting }) => [error.message.split(":")[0], setting]),
    [
      ["COUNTERSIGN_PROT", undefined],
      ["COUNTERSIGN_PORT", "port"],
      ["COUNTERSIGN_DATABASE_URL", "databaseUrl"],
      ["--refusal-limit", "refusalLimit"],
      ["COUNTERSIGN_WORKERS", "workers"],
    ],
  );
  assert.deepEqual([config.port, config.workers, config.logLevel, config.databaseUrl], [8080, 1, "debug", undefined]);
  assert.doesNotMatch(problems.map(({ error }) => error.message).join(), /hunter2/);
  assert.equal(problemOf(given), problems[0]?.error.message);
});

test("a reading says what single sign-on lacks only if its settings have no other problem", () => {
  const issuer = { COUNTERSIGN_OIDC_ISSUER: "https://id.example" };
  assert.match(readConfig(issuer).problems[0]?.error.message ?? "", /^COUNTERSIGN_OIDC_CLIENT_ID: is missing/);
  const broken = readConfig({ ...issuer, COUNTERSIGN_OIDC_SCOPE: "email" }).problems;
  assert.deepEqual(
    broken.map(({ setting }) => setting),
    ["oidcScope"],
  );
});

test("each setting is in one group, in the order of all settings", () => {
  assert.deepEqual(
    SETTING_GROUPS.flatMap(({ settings }) => Object.keys(settings)),
    Object.keys(SETTINGS),
  );
});

test("a setting that isn't set shows what holds instead, where the process knows it, and never in place of a value", () => {
  const shown = (given: Record<string, string>) =>
    shownSettings(parseConfig(given), { publicUrl: "http://127.0.0.1:8080" }).find(({ name }) => name === "publicUrl");
  assert.deepEqual([shown({})?.value, shown({})?.effective], [null, "http://127.0.0.1:8080"]);
  const given = shown({ COUNTERSIGN_PUBLIC_URL: "https://auth.example.com" });
  assert.deepEqual([given?.value, given?.effective], ["https://auth.example.com", null]);
});
