/**
 * The command line in this process, on a real store, with streams and a clock that the tests control: failures, with
 * their messages and statuses. Transcripts of successful commands are in test/admin/cli.test.ts, on real processes.
 */
import assert from "node:assert/strict";
import { constants, createHmac, createPrivateKey, createPublicKey, sign } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { after, before, describe, test } from "node:test";
import { openAdministration } from "../compose/command-line.ts";
import { parseConfig } from "../config/config.ts";
import { createCommandLineRedactor } from "../platform/redact.ts";
import { createSystemRandom } from "../platform/random.ts";
import { type AssertionParts, buildAssertion, exampleClaims } from "../testing/build-assertion.ts";
import { rsaKeyPair } from "../../../../test/testkit/rsa-keys.ts";
import { createTestClock, EXAMPLE_NOW_MICROSECONDS } from "../testing/test-clock.ts";
import { makeTemporaryFolder } from "../testing/test-registry.ts";
import { runCommandLine } from "./program.ts";

const surroundings = { clock: createTestClock(), random: createSystemRandom() };
const pair = rsaKeyPair("client");
const privateBase64 = pair.privateKey.export({ format: "der", type: "pkcs8" }).toString("base64");
const nowSeconds = EXAMPLE_NOW_MICROSECONDS / 1e6;

interface Result {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs command lines on the store in a folder, as a process would, with streams in memory. */
function commandLine(dataDir: string, settings: NodeJS.ProcessEnv = {}) {
  return async (args: readonly string[], input: string | Buffer = "", isTTY = false): Promise<Result> => {
    const written = { stdout: "", stderr: "" };
    const stream = (name: keyof typeof written) =>
      new Writable({
        write(chunk, _encoding, done) {
          written[name] += String(chunk);
          done();
        },
      });
    const mustNotServe = () => Promise.reject(new Error("nothing here may serve"));
    const status = await runCommandLine(args, {
      version: "0.0.0",
      programName: "countersign",
      clock: surroundings.clock,
      random: surroundings.random,
      actor: "cli:test",
      stdin: Object.assign(Readable.from([input]), { isTTY }),
      stdout: stream("stdout"),
      stderr: Object.assign(stream("stderr"), { isTTY }),
      redact: createCommandLineRedactor(),
      hostName: "laptop",
      credentialsFile: undefined,
      environmentNamesStore: true,
      pause: () => Promise.reject(new Error("nothing here waits")),
      config: (flags) => parseConfig({ ...settings, COUNTERSIGN_DATA_DIR: dataDir }, flags),
      configOfFlags: (flags) => parseConfig({}, flags),
      describeRelease: () => Promise.resolve({ version: "0.0.0" }),
      findNames: () => Promise.resolve([]),
      loadAnswerSchema: mustNotServe,
      openAdministration: (config, opening) => openAdministration(config, opening, surroundings),
      acceptStore: () => Promise.reject(new Error("nothing here is accepted")),
      copyStore: () => Promise.reject(new Error("nothing here is copied")),
      diagnose: () => Promise.reject(new Error("nothing here is diagnosed")),
      serve: mustNotServe,
      startQuietService: mustNotServe,
      makeSetupLink: mustNotServe,
      untilSignal: mustNotServe,
    });
    return { status, ...written };
  };
}

async function prepare(run: ReturnType<typeof commandLine>, ...lines: (readonly [args: string[], input?: string])[]) {
  for (const [args, input] of lines) {
    const { status, stderr } = await run(args, input);
    assert.equal(status, 0, stderr);
  }
}

/** Status, one line on standard error and nothing on standard output. */
function assertFails({ status, stdout, stderr }: Result, expected: 1 | 2, says: RegExp): void {
  assert.match(stderr, /^countersign: [^\n]+\n$/, "one line");
  assert.match(stderr, says);
  assert.equal(status, expected, stderr);
  assert.equal(stdout, "");
  assert.doesNotMatch(stderr, /\bat .*:[0-9]+:[0-9]+|node:|\.ts\b/, "no stack trace");
}

describe("wrong usage", () => {
  const folder = makeTemporaryFolder();
  const dataDir = folder.file("data");
  const run = commandLine(dataDir);
  for (const [args, says] of [
    [["nope"], /unknown command 'nope'/],
    [["account", "nope"], /unknown command 'nope'/],
    [["key", "delete", "1"], /unknown command 'delete' \(Did you mean key deactivate\?\)/],
    [["help", "nope"], /unknown command 'nope'/],
    [["help", "key", "nope"], /unknown command 'nope'/],
    [["key", "add", "--key", "x"], /missing required argument/],
    [["key", "add", "--username", "x", "--username", "y", "--key", "z"], /--username is given twice/],
    [
      ["operator", "invite"],
      /required option .*; usage: countersign operator invite --role <role> \[options\] <email>/,
    ],
    [["account", "list", "--nope"], /unknown option '--nope'/],
    [["-x"], /unknown option '-x'/],
    [["account", "create"], /missing required argument 'shortname'/],
    [["account", "list", "extra"], /too many arguments/],
    [["account", "list", "--data-dir"], /argument missing/],
    [["account", "list", "--data-dir", "a", "--data-dir", "b"], /given twice/],
    [["account", "list", "--json=yes"], /--json/],
    [["user", "create", "x"], /required option '--account <shortname>' not specified/],
    [["key", "add", "api-1-demo"], /missing required argument/],
    [["key", "generate", "api-1-demo"], /required option '--out <file>' not specified/],
    [["key", "generate", "x", "--out", "x", "--bits", "1024"], /--bits takes a whole number from 2048 to 8192\./],
    [["key", "generate", "x", "--out", "x", "--expires-in", "soon"], /A duration must be a whole number and a unit/],
    [["key", "generate", "x", "--out", "x", "--expires-in", "0d"], /A duration must be/],
    [["key", "deactivate", "one"], /A key id is a whole number/],
    [["key", "deactivate", "0"], /A key id is a whole number/],
    [["audit", "list", "--limit", "0"], /--limit takes a whole number/],
    [["token", "--username", "x"], /private key's file is missing: countersign token <username> <key file>/],
    [["token", "--key", "x"], /The API user is missing/],
    [["token", "x", "y", "--key", "z"], /given twice/],
    [["check"], /missing required argument/],
    [["resource-server", "nope"], /unknown command 'nope'/],
    [["resource-server", "create"], /missing required argument 'name'/],
    [["resource-server", "create", "x", "y"], /too many arguments/],
    [["resource-server", "list", "x"], /too many arguments/],
    [["resource-server", "rotate"], /missing required argument 'name'/],
    [["resource-server", "rotate", "x", "--grace"], /argument missing/],
    [["resource-server", "rotate", "x", "--grace", "15"], /A duration must be a whole number and a unit/],
    [["resource-server", "rotate", "x", "--grace", "-1m"], /A duration must be/],
    [["resource-server", "deactivate"], /missing required argument 'name'/],
    [["resource-server", "activate", "x", "--nope"], /unknown option '--nope'/],
    [["serve", "extra"], /too many arguments/],
    [["serve", "--port", "65536"], /--port: a whole number from 0 to 65535 is needed/],
    [["serve", "--log-level", "loud"], /--log-level: one of trace, debug/],
    [["serve", "--workers", "0"], /--workers: a whole number from 1 to 256 is needed/],
  ] as [string[], RegExp][]) {
    test(`countersign ${args.join(" ")} exits with status 2 and one line, and makes no store`, async () => {
      assertFails(await run(args), 2, says);
    });
  }

  after(() => {
    assert.ok(!existsSync(dataDir), "wrong usage makes no store");
    folder.remove();
  });
});

describe("what doesn't exist, exists already or isn't allowed fails with status 1 and one line", () => {
  const folder = makeTemporaryFolder();
  const run = commandLine(folder.file("data"));
  const files = folder.path;
  const publicFile = folder.file("public.pem");
  const broken = folder.file("broken.pem");

  before(async () => {
    writeFileSync(publicFile, pair.publicPem);
    writeFileSync(broken, "-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY-----\n");
    await prepare(
      run,
      [["account", "create", "acme"]],
      [["user", "create", "demo", "--account", "acme"]],
      [["key", "add", "api-1-demo", publicFile]],
      [["key", "add", "api-1-demo", "-"], rsaKeyPair("revoked").publicPem],
      [["key", "revoke", "--yes", "2"]],
      [["resource-server", "create", "shop"]],
    );
  });
  after(() => {
    folder.remove();
  });

  for (const [args, says] of [
    [["account", "create", "acme"], /The account acme exists already\./],
    [["account", "create", "Acme"], /lower-case letters/],
    [["account", "create", "x", "--name", ""], /name/],
    [["account", "deactivate", "nobody"], /There is no account nobody\. countersign account create makes one\./],
    [["user", "create", "demo", "--account", "acme"], /The API user api-1-demo exists already\./],
    [["user", "create", "x", "--account", "nobody"], /There is no account nobody\./],
    [["user", "deactivate", "api-9-x"], /There is no API user api-9-x\./],
    [["key", "list", "api-9-x"], /There is no API user api-9-x\./],
    [["key", "add", "api-9-x", publicFile], /There is no API user api-9-x\./],
    [["key", "add", "api-1-demo", publicFile], /has this key already: key 1\. \(key_weak: duplicate\)/],
    [["key", "add", "api-1-demo", join(files, "none")], /none can't be read \(ENOENT\): there is no such file\./],
    [["key", "add", "api-1-demo", files], /can't be read \(EISDIR\): it is a folder; name a file in it\./],
    [["key", "add", "api-1-demo", broken], /The key is refused: /],
    [["key", "add", "api-1-demo", "-"], /Standard input is empty\./],
    [["key", "add", "api-1-demo", publicFile, "--label", "\u001b[31mred"], /label/],
    [["key", "generate", "api-1-demo", "--out", join(files, "no", "folder.pem")], /folder\.pem can't be written/],
    [["key", "activate", "2"], /Key 2 is revoked, and revoking can't be undone\./],
    [["key", "deactivate", "999"], /There is no key 999\./],
    [
      ["token", "--username", "x", "--key", join(files, "none")],
      /none can't be read \(ENOENT\): there is no such file\./,
    ],
    [["token", "--username", "x", "--key", publicFile], /it is a public key; the matching private key is needed\./],
    [["token", "--username", "x", "--key", pair.privatePem], /The given file can't be read/],
    [["token", "--username", "x", "--key", privateBase64], /The given file can't be read/],
    [["key", "add", "api-1-demo", pair.privatePem], /this is a PRIVATE key/],
    [["key", "add", "api-1-demo", privateBase64], /this is a PRIVATE key/],
    [["backup", join(files, "public.pem")], /already exists and isn't overwritten/],
    [["backup", join(files, "no", "folder.db")], /folder\.db can't be written \(ENOENT\)\./],
    [["check", "-"], /Standard input is empty\./],
    [["resource-server", "create", "shop"], /The resource server shop exists already\./],
    [["resource-server", "create", "My Shop"], /lower-case letters/],
    [["resource-server", "rotate", "none"], /There is no resource server none\. countersign resource-server create /],
    [["resource-server", "rotate", "shop", "--grace", "31d"], /The grace must be from 0 to 30 days\./],
    [["resource-server", "deactivate", "\u001b[31mred"], /There is no resource server \?\[31mred\./],
    [["resource-server", "activate", "none"], /There is no resource server none\./],
  ] as [string[], RegExp][]) {
    const shown = args.map((arg) => (arg.length > 200 ? "<a private key>" : arg)).join(" ");
    test(`countersign ${shown.replaceAll(files, "…").replaceAll("\u001b", "<escape>")} (${says.source})`, async () => {
      const result = await run(args);
      assertFails(result, 1, says);
      assert.ok(!result.stderr.includes(privateBase64.slice(40, 80)), "the output repeats a private key");
    });
  }

  test("adding or activating a third key of the same length prints which key now needs a kid, and why", async () => {
    await prepare(run, [["user", "create", "many", "--account", "acme"]]);
    const add = (name: string) => run(["key", "add", "api-1-many", "-", "--json"], rsaKeyPair(name).publicPem);
    const first = await add("first");
    const { id } = JSON.parse(first.stdout) as { id: number };
    assert.deepEqual([first.stderr, (await add("second")).stderr], ["", ""]);
    const needsKid = new RegExp(`^countersign: note: Key ${id} is tried only if .* kid.*Deactivate one`);
    assert.match((await add("third")).stderr, needsKid);
    for (const [verb, note] of [
      ["deactivate", /^$/],
      ["activate", needsKid],
    ] as const) {
      assert.match((await run(["key", verb, String(id), "--json"])).stderr, note);
    }
    const signed = (header: Record<string, unknown>) =>
      buildAssertion(rsaKeyPair("first").privateKey, { header, claims: exampleClaims("api-1-many") });
    const explained = await run(["explain", signed({ alg: "RS256" })]);
    assert.match(
      explained.stdout,
      new RegExp(`The signature is by key ${id}, .* which isn't tried\\.\\n +Put "kid":"${id}"`),
    );
    assert.match(explained.stdout, /The exchange would refuse it: assertion_rejected\./);
    assert.equal((await run(["explain", signed({ alg: "RS256", kid: String(id) })])).status, 0);
  });

  test("standard input that isn't UTF-8 is refused where a text is wanted", async () => {
    assertFails(await run(["check", "-"], Buffer.from([0x31, 0x2e, 0xff])), 1, /Standard input isn't UTF-8\./);
  });

  test("a private key is recognised and refused, on standard input and in a file, also in DER and UTF-16, and isn't repeated", async () => {
    const der = pair.privateKey.export({ format: "der", type: "pkcs8" });
    const file = join(files, "private");
    for (const bytes of [
      der,
      pair.privateKey.export({ format: "der", type: "pkcs1" }),
      Buffer.from(privateBase64),
      Buffer.from(Buffer.from(pair.privatePem).toString("base64")),
      Buffer.from(`\ufeff${pair.privatePem}`, "utf16le"),
      Buffer.from(pair.privatePem.replaceAll("PRIVATE KEY", "PUBLIC KEY")),
      Buffer.from(JSON.stringify(pair.privateKey.export({ format: "jwk" }))),
    ]) {
      writeFileSync(file, bytes);
      for (const result of [
        await run(["key", "add", "api-1-demo", "-"], bytes),
        await run(["key", "add", "api-1-demo", file]),
      ]) {
        assertFails(result, 1, /this is a PRIVATE key.*considered exposed: make a new key pair/);
        assert.ok(!result.stderr.includes(privateBase64.slice(40, 80)), "the output repeats a private key");
      }
    }
  });

  test("a public key is taken in DER, in UTF-16 and with a byte order mark", async () => {
    for (const [name, toBytes] of [
      ["der", (pem: string) => createPublicKey(pem).export({ format: "der", type: "spki" })],
      ["utf-16", (pem: string) => Buffer.from(`\ufeff${pem}`, "utf16le")],
      ["bom", (pem: string) => Buffer.from(`\ufeff${pem}`)],
    ] as const) {
      const { stderr, status } = await run(["key", "add", "api-1-demo", "-"], toBytes(rsaKeyPair(name).publicPem));
      assert.equal(status, 0, stderr);
    }
  });
});

describe("explain names the classic mistakes", () => {
  const folder = makeTemporaryFolder();
  const run = commandLine(folder.file("data"));
  const stranger = rsaKeyPair("stranger");
  const offPair = rsaKeyPair("off");

  before(() =>
    prepare(
      run,
      [["account", "create", "acme"]],
      [["user", "create", "demo", "--account", "acme"]],
      [["key", "add", "api-1-demo", "-"], pair.publicPem],
      [["key", "add", "api-1-demo", "-"], offPair.publicPem],
      [["key", "deactivate", "2"]],
    ),
  );
  after(() => {
    folder.remove();
  });

  const own = (
    options: { claims?: Record<string, unknown>; header?: AssertionParts["header"] } = {},
    privateKey = pair.privateKey,
  ) =>
    buildAssertion(privateKey, {
      header: options.header ?? { alg: "RS256", typ: "JWT" },
      claims: { ...exampleClaims(), ...options.claims },
    });
  const signedOtherwise = (alg: string, make: (text: string) => Buffer) => {
    const text = own({ header: { alg } }).replace(/\.[^.]*$/, "");
    return `${text}.${make(text).toString("base64url")}`;
  };
  const pss = (text: string) =>
    sign("sha256", Buffer.from(text), { key: pair.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING });
  const pkcs1Pem = pair.publicKey.export({ format: "pem", type: "pkcs1" });

  for (const [mistake, text, code, says] of [
    ["a Python bytes literal", () => `b'${own()}'`, "assertion_malformed", /Python bytes literal.*\.decode/],
    [
      "iat in milliseconds",
      () => own({ claims: { iat: nowSeconds * 1000 } }),
      "assertion_early",
      /looks like milliseconds/,
    ],
    [
      "a clock that is slow",
      () => own({ claims: { iat: nowSeconds - 300 } }),
      "assertion_stale",
      /300\.0 s in the past[\s\S]*server's time is/,
    ],
    [
      "a clock that is fast",
      () => own({ claims: { iat: nowSeconds + 300 } }),
      "assertion_early",
      /300\.0 s in the future[\s\S]*clock/,
    ],
    [
      "iat as a string",
      () => own({ claims: { iat: "1481650253" } }),
      "assertion_claims",
      /iat is a string; a number is needed/,
    ],
    [
      "a wrong key",
      () => own({}, stranger.privateKey),
      "assertion_rejected",
      /key 1, SHA256:\S{43}, active: doesn't verify[\s\S]*another private key/,
    ],
    [
      "a deactivated key",
      () => own({}, offPair.privateKey),
      "key_deactivated",
      /signature is by key 2, SHA256:\S{43}, deactivated[\s\S]*activate it/,
    ],
    ["another scheme", () => `Authorization: Bearer ${own()}`, "authorization_scheme", /the word JWT, a space/],
    ["the token's scheme", () => `Token ${own()}`, "authorization_scheme", /scheme isn't JWT/],
    [
      "HS256 with the PEM as its secret",
      () => signedOtherwise("HS256", (text) => createHmac("sha256", pair.publicPem).update(text).digest()),
      "assertion_algorithm",
      /HMAC with the PEM text of key 1|HS algorithms use a shared secret/,
    ],
    [
      "HS256 with the PKCS#1 PEM",
      () => signedOtherwise("HS256", (text) => createHmac("sha256", pkcs1Pem).update(text).digest()),
      "assertion_algorithm",
      /RSA private key and RS256/,
    ],
    [
      "PS256",
      () => signedOtherwise("PS256", pss),
      "assertion_algorithm",
      /alg is "PS256"; RS256, RS384 or RS512 is needed/,
    ],
    [
      "PS256 that says RS256",
      () => signedOtherwise("RS256", pss),
      "assertion_rejected",
      /by key 1, but its algorithm is PS256/,
    ],
    [
      "RS512 that says RS256",
      () => signedOtherwise("RS256", (text) => sign("sha512", Buffer.from(text), pair.privateKey)),
      "assertion_rejected",
      /by key 1, but its algorithm is RS512/,
    ],
    [
      "an unknown user",
      () => own({ claims: { username: "demo" } }),
      "assertion_rejected",
      /no API user with that name: "demo"[\s\S]*begin with api-/,
    ],
    ["no username", () => own({ claims: { username: undefined } }), "assertion_claims", /username is missing/],
    [
      "an aud of another service",
      () => own({ claims: { aud: "https://other.test" } }),
      "assertion_audience",
      /Leave aud out, or set it to http/,
    ],
    [
      "an assertion with two mistakes",
      () => own({ claims: { iat: 1 } }, stranger.privateKey),
      "assertion_stale",
      /doesn't verify the signature/,
    ],
  ] as [string, () => string, string, RegExp][]) {
    test(mistake, async () => {
      const { status, stdout, stderr } = await run(["explain", text()]);
      assert.deepEqual([status, stderr], [1, ""], stdout);
      assert.match(stdout, says);
      assert.match(stdout, new RegExp(`\nThe exchange would refuse it: ${code}\\.\n$`));
    });
  }

  test("accepts the aud of a listener on an IPv6 address, which stands in brackets, as the exchange does", async () => {
    for (const [host, named] of [
      ["::1", "[::1]"],
      ["2001:db8::5", "[2001:db8::5]"],
      ["::", "[::]"],
      ["127.0.0.1", "127.0.0.1"],
    ] as const) {
      const listening = commandLine(folder.file("data"), { COUNTERSIGN_HOST: host, COUNTERSIGN_PORT: "8443" });
      const good = await listening(["explain", own({ claims: { aud: `http://${named}:8443` } })]);
      assert.equal(good.status, 0, good.stdout);
      const bad = await listening(["explain", own({ claims: { aud: "https://other.test" } })]);
      assert.ok(bad.stdout.includes(`Leave aud out, or set it to http://${named}:8443.`), bad.stdout);
    }
  });

  test("--json carries the code and the steps, with status 1", async () => {
    const { status, stdout } = await run(["explain", own({}, offPair.privateKey), "--json"]);
    assert.equal(status, 1);
    const { accepted, code, steps } = JSON.parse(stdout) as { accepted: boolean; code: string; steps: object[] };
    assert.deepEqual([accepted, code], [false, "key_deactivated"]);
    assert.deepEqual(Object.keys(steps.at(-1) ?? {}), ["check", "outcome", "detail", "hint"]);
  });
});

describe("a command line as people write it", () => {
  const folder = makeTemporaryFolder();
  const run = commandLine(folder.file("data"));
  const privateFile = folder.file("private.pem");

  before(async () => {
    await prepare(run, [["account", "create", "acme"]], [["user", "create", "demo", "--account", "acme"]]);
    await prepare(run, [["key", "generate", "api-1-demo", "--out", privateFile]]);
  });
  after(() => {
    folder.remove();
  });

  for (const [asked, same] of [
    [["help"], ["--help"]],
    [
      ["help", "key"],
      ["key", "--help"],
    ],
    [
      ["help", "key", "add"],
      ["key", "add", "--help"],
    ],
    [
      ["key", "help", "add"],
      ["key", "add", "--help"],
    ],
    [["-v"], ["--version"]],
    [["-V"], ["--version"]],
  ] as [string[], string[]][]) {
    test(`"countersign ${asked.join(" ")}" is "countersign ${same.join(" ")}"`, async () => {
      const [first, second] = [await run(asked), await run(same)];
      assert.equal(first.status, 0);
      assert.deepEqual(first, second);
    });
  }

  for (const [args, says] of [
    [["user", "deactivate", "demo"], "There is no API user demo; did you mean api-1-demo?"],
    [["user", "deactivate", "api-2-demo"], "There is no API user api-2-demo; did you mean api-1-demo?"],
    [["key", "list", "API-1-DMEO"], "There is no API user API-1-DMEO; did you mean api-1-demo?"],
    [["key", "challenge", "api-1-dem"], "There is no API user api-1-dem; did you mean api-1-demo?"],
    [["account", "deactivate", "amce"], "There is no account amce; did you mean acme?"],
    [["user", "create", "x", "--account", "acm"], "There is no account acm; did you mean acme?"],
    [["user", "deactivate", "api-1-orders"], "There is no API user api-1-orders."],
  ] as [string[], string][]) {
    test(`countersign ${args.join(" ")}: ${says}`, async () => {
      assert.deepEqual(await run(args), { status: 1, stdout: "", stderr: `countersign: ${says}\n` });
    });
  }

  for (const [args, status, error] of [
    [["user", "deactivate", "demo", "--json"], 1, ["not_found", "There is no API user demo; did you mean api-1-demo?"]],
    [["user", "lst", "--json"], 2, ["usage", "unknown command 'lst' (Did you mean list?)"]],
    [["key", "list", "--unused", "x", "--json"], 2, ["usage", /^A duration must be/]],
    [["serve", "--port", "x", "--json"], 2, ["usage", /unknown option '--json'/]],
    [["key", "add", "api-1-demo", "/nothing", "--json"], 1, ["failed", /^\/nothing can't be read/]],
  ] as [string[], number, [string, string | RegExp]][]) {
    test(`countersign ${args.join(" ")} prints its error as one JSON value, and in words on standard error`, async () => {
      const result = await run(args);
      assert.equal(result.status, status);
      const { code, message } = (JSON.parse(result.stdout) as { error: { code: string; message: string } }).error;
      assert.equal(code, error[0]);
      if (error[1] instanceof RegExp) assert.match(message, error[1]);
      else assert.equal(message, error[1]);
      assert.equal(result.stderr, `countersign: ${message}\n`);
    });
  }

  test("a negative verdict with --json stays the one value on standard output", async () => {
    const { status, stdout } = await run(["check", "1.x", "--json"]);
    assert.deepEqual([status, JSON.parse(stdout)], [1, { active: false, reason: "malformed" }]);
  });

  const token = "1.lM45vLVwAc5YUD5dAw.XATBdkXQI3Bf7_043j88ScWrzfkzvWcUGRknzkEK7fU";
  const assertion = () =>
    buildAssertion(createPrivateKey(readFileSync(privateFile)), {
      header: { alg: "RS256" },
      claims: { ...exampleClaims(), username: "api-1-demo" },
    });

  test("explain checks a token, and check explains an assertion, and both say so", async () => {
    const checked = await run(["explain", `Authorization: Token ${token}`]);
    assert.equal(checked.status, 1);
    assert.match(checked.stdout, /^inactive: wrong_mac\nIts signature is wrong/);
    assert.equal(checked.stderr, "countersign: note: This is a token, not an assertion, so it is checked.\n");
    const explained = await run(
      ["check", "-"],
      `> Authorization: JWT ${assertion()}\n> Host: x\n< HTTP/1.1 401 Unauthorized\n`,
    );
    assert.match(explained.stdout, /The exchange would accept it\.\n$/);
    assert.equal(
      explained.stderr,
      "countersign: note: The Authorization header in the text is used.\ncountersign: note: This is an assertion, not a token, so it is explained.\n",
    );
  });

  test("no explanation advises to run explain", async () => {
    const stranger = buildAssertion(rsaKeyPair("stranger").privateKey, {
      header: { alg: "RS256" },
      claims: { ...exampleClaims(), username: "api-1-demo" },
    });
    const { stdout } = await run(["explain", stranger]);
    assert.match(stdout, /assertion_rejected/);
    assert.doesNotMatch(stdout, /countersign (explain|check)/);
  });

  test("token has the service's code as the code of its failure, and no other program's", async (context) => {
    let code: unknown = "key_deactivated";
    const server = createServer((_, response) => {
      const errors = [{ code, message: "It is refused." }];
      response.writeHead(401, { "content-type": "application/json" });
      response.end(JSON.stringify({ meta: { code: 401, errors, warnings: [] }, data: {} }));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    context.after(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const codes: unknown[] = [];
    for (code of ["key_deactivated", "usage", "\u001b[2J", 7]) {
      const { status, stdout } = await run(["token", "api-1-demo", privateFile, "--url", url, "--json"]);
      assert.equal(status, 1);
      codes.push((JSON.parse(stdout) as { error: { code: string } }).error.code);
    }
    assert.deepEqual(codes, ["key_deactivated", "failed", "failed", "failed"]);
  });

  test("token says what is wrong with the service's address", async () => {
    for (const [url, says] of [
      ["localhost:8080", /needs its scheme: https:\/\/localhost:8080, or http:\/\/localhost:8080 without TLS\./],
      ["ftp://localhost", /begins with http:\/\/ or https:\/\/\./],
      ["http://u:p@localhost", /takes no user name or password/],
      ["http://localhost?x=1", /takes no query/],
      ["http://", /isn't a URL such as/],
      ["http://127.0.0.1:22", /can't be reached \(bad port\)\. The port is reserved for another protocol\./],
      ["http://127.0.0.1:2", /127\.0\.0\.1:2 can't be reached \(ECONNREFUSED\)\. Nothing listens there\./],
    ] as const) {
      assertFails(await run(["token", "api-1-demo", privateFile, "--url", url]), 1, says);
    }
  });
});

describe("what can't be undone", () => {
  const folder = makeTemporaryFolder();
  const run = commandLine(folder.file("data"));

  before(async () => {
    await prepare(run, [["account", "create", "acme"]], [["user", "create", "demo", "--account", "acme"]]);
    await prepare(run, [["key", "generate", "api-1-demo", "--out", folder.file("private.pem")]]);
    await prepare(run, [["admin-token", "create", "program", "--role", "viewer"]]);
  });
  after(() => {
    folder.remove();
  });

  const status = async () =>
    (JSON.parse((await run(["key", "show", "1", "--json"])).stdout) as { status: string }).status;

  test("wants --yes without a terminal, says first what it stops, and changes nothing", async () => {
    const statement = folder.file("statement");
    assert.equal((await run(["key", "revocation", "--key", folder.file("private.pem"), "--out", statement])).status, 0);
    for (const args of [
      ["key", "revoke", "--statement", statement],
      ["admin-token", "revoke", "program"],
      ["store", "accept"],
    ]) {
      assertFails(await run(args, "y\n"), 2, /This can't be undone: give --yes to do it\./);
    }
    assert.equal(await status(), "active");
  });

  test("a name that doesn't exist is an error before anything is asked", async () => {
    for (const isTTY of [true, false]) {
      assertFails(await run(["admin-token", "revoke", "nothing"], "", isTTY), 1, /There is no admin token nothing/);
      assertFails(await run(["key", "revoke", "99"], "", isTTY), 1, /There is no key 99/);
    }
  });

  test("key revoke and signing-key retire go on without --yes where standard input isn't a terminal", async () => {
    await prepare(run, [["key", "generate", "api-1-demo", "--out", folder.file("second.pem"), "--json"]]);
    const { status: ended, stdout, stderr } = await run(["key", "revoke", "2"]);
    assert.deepEqual([ended, stdout, stderr], [0, "Key 2 of api-1-demo is revoked.\n", ""]);
    assertFails(await run(["signing-key", "retire", "9"]), 1, /There is no signing key 9/);
  });

  test("at a terminal it asks, and only a yes goes on", async () => {
    for (const [typed, expected, changed] of [
      ["\n", 1, "active"],
      ["n\n", 1, "active"],
      ["yesterday\n", 1, "active"],
      ["yes\n", 0, "revoked"],
    ] as const) {
      const { status: ended, stderr } = await run(["key", "revoke", "1"], typed, true);
      assert.match(stderr, /^Key 1 of api-1-demo is revoked for good\. .*This can't be undone\.\nGo on\? \[y\/N\] /);
      assert.equal(ended, expected, stderr);
      if (expected === 1) assert.match(stderr, /countersign: Nothing was changed\.\n$/);
      assert.equal(await status(), changed);
    }
  });

  test("what can be undone is done at once, and a terminal is told what stopped", async () => {
    const { status: ended, stderr } = await run(["user", "deactivate", "api-1-demo"], "", true);
    assert.deepEqual([ended, stderr], [0, "countersign: note: No live token depends on it.\n"]);
    assert.deepEqual((await run(["user", "activate", "api-1-demo"])).stderr, "");
    assert.deepEqual((await run(["user", "deactivate", "api-1-demo"])).stderr, "");
  });
});
