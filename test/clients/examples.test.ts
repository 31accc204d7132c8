/**
 * The programs in examples/, each with its real interpreter against a real server.
 *
 * Where an interpreter or one of its modules is missing, its tests are skipped, and fail where `CI` is set.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { reservePort } from "../../packages/server/src/testing/reserve-port.ts";
import { eventually } from "../testkit/eventually.ts";
import { findMissing, IS_CI, type Requirement } from "../testkit/requirements.ts";
import { environment, runProgram } from "../testkit/run-program.ts";
import {
  createApiUser,
  createKey,
  startServer,
  temporaryFolder,
  type TestApiUser,
  type TestServer,
} from "../testkit/server.ts";

interface Example extends Requirement {
  /** In examples/. */
  readonly file: string;
  readonly interpreter: string;
}

const EXAMPLES: readonly Example[] = [
  {
    file: "curl/exchange.sh",
    interpreter: "/bin/sh",
    name: "openssl or curl",
    debianPackages: "curl openssl",
    probes: [
      ["openssl", "version"],
      ["curl", "--version"],
    ],
  },
  {
    file: "php/exchange.php",
    interpreter: "php",
    name: "PHP with curl and openssl",
    debianPackages: "php-cli php-curl",
    probes: [["php", "-r", 'exit(extension_loaded("curl") && extension_loaded("openssl") ? 0 : 1);']],
  },
  {
    file: "javascript/exchange.mjs",
    interpreter: process.execPath,
    name: "Node.js",
    debianPackages: "nodejs",
    probes: [],
  },
  {
    file: "python/exchange.py",
    interpreter: "/usr/bin/python3",
    name: "Python with PyJWT, cryptography and requests",
    debianPackages: "python3-jwt python3-cryptography python3-requests",
    probes: [["/usr/bin/python3", "-c", "import cryptography, jwt, requests"]],
  },
  {
    file: "ruby/exchange.rb",
    interpreter: "ruby",
    name: "Ruby with openssl",
    debianPackages: "ruby",
    probes: [["ruby", "-e", 'require "openssl"']],
  },
];

const CHECK_PATH = "/api/auth/v0/check/";
const EXAMPLES_FOLDER = fileURLToPath(new URL("../../examples/", import.meta.url));

let server: TestServer;
let user: TestApiUser;

before(async () => {
  server = await startServer();
  user = await createApiUser(server);
});

after(() => server.stop());

const reasons = await Promise.all(EXAMPLES.map(findMissing));

// The examples run concurrently, the tests of each one after the other: most of the time goes into starting
// interpreters.
describe("examples", { concurrency: true }, () => {
  for (const [at, example] of EXAMPLES.entries()) describeExample(example, reasons[at]);
});

function describeExample(example: Example, missing: string | undefined): void {
  if (missing !== undefined && IS_CI) {
    test(example.file, () => assert.fail(missing));
    return;
  }

  describe(example.file, { concurrency: 1, skip: missing ?? false }, () => {
    const runWith = (variables: NodeJS.ProcessEnv, ...args: string[]) =>
      runProgram(example.interpreter, [join(EXAMPLES_FOLDER, example.file), ...args], {
        env: environment({ no_proxy: "127.0.0.1", ...variables }),
      });
    const run = (...args: string[]) => runWith({}, ...args);

    /**
     * Runs the example and asserts that it fails properly: nothing on standard output, these lines on standard error.
     */
    const assertFails = async (args: readonly string[], lines: readonly (string | RegExp)[]) => {
      const { status, stdout, stderr } = await run(...args);
      assert.equal(stdout, "");
      assert.match(stderr, /\n$/);
      const printed = stderr.slice(0, -1).split("\n");
      assert.equal(printed.length, lines.length, stderr);
      for (const [at, line] of lines.entries()) {
        if (typeof line === "string") assert.equal(printed[at], line);
        else assert.match(printed[at] ?? "", line);
      }
      assert.equal(status, 1);
    };

    test("prints a token, and nothing else, that the check accepts", async () => {
      const { status, stdout, stderr } = await run(server.publicUrl, user.username, user.privateKeyFile);
      assert.equal(stderr, "");
      assert.match(stdout, /^[0-9]+\.[\w-]+\.[\w-]+\n$/);
      assert.equal(status, 0);
      const checked = await check(stdout.trim());
      assert.equal(checked.status, 200);
      assert.equal(checked.headers.get("x-auth-username"), user.username);
      assertExpiresIn(checked, 3600);
    });

    test("sends its own Authorization header where ~/.netrc has an entry for the host", async () => {
      const home = temporaryFolder();
      const netrc = join(home, ".netrc");
      writeFileSync(netrc, "machine 127.0.0.1 login somebody password other\n", { mode: 0o600 });
      for (const variables of [{ HOME: home }, { NETRC: netrc }]) {
        const { status, stdout, stderr } = await runWith(
          variables,
          server.publicUrl,
          user.username,
          user.privateKeyFile,
        );
        assert.equal(stderr, "");
        assert.equal(status, 0);
        assert.equal((await check(stdout.trim())).status, 200);
      }
    });

    test("requests the given lifetime, and accepts a base URL with a slash at its end", async () => {
      const { stdout } = await run(`${server.publicUrl}/`, user.username, user.privateKeyFile, "900");
      const checked = await check(stdout.trim());
      assert.equal(checked.status, 200);
      assertExpiresIn(checked, 900);
    });

    test("a deactivated key is reported with the hint", async () => {
      // A separate user, since the exchange tries only two of several active keys.
      const { username } = await createApiUser(server, { account: dirname(example.file) });
      const { keyId, privateKeyFile } = await createKey(server, username);
      const before = await run(server.publicUrl, username, privateKeyFile);
      assert.equal(before.status, 0);
      await server.json("key", "deactivate", String(keyId));
      await eventually("the token is refused", async () => (await check(before.stdout.trim())).status === 403);
      await assertFails(
        [server.publicUrl, username, privateKeyFile],
        [
          "key_deactivated: The key that signed the assertion is deactivated.",
          "Hint: Ask the administrator of this service to activate it, or to add a new key.",
        ],
      );
    });

    test("an unknown user is reported, and a quote in the name breaks nothing", async () => {
      for (const username of ["api-1-nobody", 'ü"b\\c']) {
        await assertFails(
          [server.publicUrl, username, user.privateKeyFile],
          [/^assertion_rejected: No active key/, /^Hint: Check the username/],
        );
      }
    });

    test("a lifetime that isn't allowed is reported as ttl_invalid, however it is spelt", async () => {
      for (const ttl of ["599", "900&ttl=901", "900#", "9 00", "+900", "%39%30%30"]) {
        await assertFails(
          [server.publicUrl, user.username, user.privateKeyFile, ttl],
          [
            /^ttl_invalid: The query parameter ttl (isn't a whole number in decimal digits|is too short)\.$/,
            /^Hint: Whole seconds/,
          ],
        );
      }
    });

    test("an empty lifetime is sent, not left out", async () => {
      await assertFails(
        [server.publicUrl, user.username, user.privateKeyFile, ""],
        ["ttl_invalid: The query parameter ttl is empty.", /^Hint: Whole seconds/],
      );
    });

    test("an unreachable server is reported in one line", async () => {
      const url = await closedUrl();
      await assertFails([url, user.username, user.privateKeyFile], [startsWith(`${url} can't be reached: `)]);
    });

    test("an invalid base URL, or one of another protocol, is reported in one line", async () => {
      for (const url of [
        "nonsense",
        "ftp://127.0.0.1",
        "http://[",
        "file:///etc/hostname?",
        server.publicUrl.replace("http", "https"),
      ]) {
        await assertFails([url, user.username, user.privateKeyFile], [startsWith(`${url} can't be reached: `)]);
      }
    });

    test("an answer that isn't this API's is reported in one line", async () => {
      for (const body of [
        "<h1>Bad gateway</h1>\n\n<p>a proxy's page",
        "",
        "null",
        "[]",
        "7",
        '"text"',
        "{}",
        '{"data":null}',
        '{"meta":{"errors":[]},"data":{"token":3}}',
        "\xff\xfe",
      ]) {
        const stub = await startStub((_request, response) => {
          response.writeHead(502).end(body, "latin1");
        });
        await assertFails(
          [stub.url, user.username, user.privateKeyFile],
          [`${stub.url} answered 502, but not as this API does. Is the address right?`],
        );
        await stub.close();
      }
    });

    test("a refusal without a hint is one line, with its quotes unchanged", async () => {
      const stub = await startStub((_request, response) => {
        response
          .writeHead(503)
          .end('{"meta":{"code":503,"errors":[{"code":"unavailable","message":"Try \\"later\\"."}]},"data":{}}');
      });
      await assertFails([stub.url, user.username, user.privateKeyFile], ['unavailable: Try "later".']);
      await stub.close();
    });

    test("a redirect isn't followed", async () => {
      const paths: (string | undefined)[] = [];
      const stub = await startStub((request, response) => {
        paths.push(request.url);
        response.writeHead(302, { Location: `${server.publicUrl}${request.url}` }).end();
      });
      await assertFails(
        [stub.url, user.username, user.privateKeyFile],
        [`${stub.url} answered 302, but not as this API does. Is the address right?`],
      );
      assert.deepEqual(paths, ["/api/auth/v0/refresh/"]);
      await stub.close();
    });

    test("a server that never answers is given up in time, with one line", async () => {
      const stub = await startStub(() => undefined);
      await assertFails([stub.url, user.username, user.privateKeyFile], [startsWith(`${stub.url} can't be reached: `)]);
      await stub.close();
    });

    test("an unusable private key is reported in one line that names the file", async () => {
      const folder = temporaryFolder();
      const pem = { format: "pem" } as const;
      const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
      const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const files = {
        "empty.pem": "",
        "noise.pem": Buffer.from([0xff, 0xfe, 0x00, 0x01]),
        "public.pem": rsa.publicKey.export({ ...pem, type: "spki" }),
        "elliptic.pem": ec.privateKey.export({ ...pem, type: "pkcs8" }),
        "password.pem": rsa.privateKey.export({ ...pem, type: "pkcs8", cipher: "aes-256-cbc", passphrase: "secret" }),
      };
      for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
      for (const name of [...Object.keys(files), "missing.pem", "."]) {
        const file = join(folder, name);
        await assertFails(
          [server.publicUrl, user.username, file],
          [`${file} isn't a readable RSA private key in PEM.`],
        );
      }
    });

    test("wrong usage exits with status 2 and prints the usage", async () => {
      const { username, privateKeyFile } = user;
      for (const args of [
        [],
        [server.publicUrl, username],
        [server.publicUrl, username, privateKeyFile, "900", "more"],
      ]) {
        const { status, stdout, stderr } = await run(...args);
        assert.equal(stdout, "");
        const name = example.file.split("/")[1];
        assert.equal(stderr, `usage: ${name} <base url> <username> <private key file> [ttl]\n`);
        assert.equal(status, 2);
      }
    });

    test("no command line shows the assertion while the request is under way", {
      skip: !existsSync("/proc/self/cmdline") && "no /proc",
    }, async () => {
      let seen = false;
      let commandLines: string[] = [];
      const stub = await startStub((request, response) => {
        seen = request.headers.authorization?.startsWith("JWT ey") === true;
        commandLines = allCommandLines();
        response.writeHead(200).end('{"data":{"token":"1.a.b"}}');
      });
      const { stdout } = await run(stub.url, user.username, user.privateKeyFile);
      assert.equal(stdout, "1.a.b\n");
      assert.ok(seen);
      // The program's own command line is in it, so the list is what ps would show.
      assert.ok(commandLines.some((line) => line.includes(example.file) && line.includes(stub.url)));
      assert.deepEqual(
        commandLines.filter((line) => line.includes(stub.url) && line.includes("eyJ")),
        [],
      );
      await stub.close();
    });
  });
}

test("every example is tested, and named in the overview", () => {
  const files = readdirSync(EXAMPLES_FOLDER, { recursive: true, encoding: "utf8" }).filter((name) =>
    /exchange\.\w+$/.test(name),
  );
  assert.deepEqual(files.sort(), EXAMPLES.map(({ file }) => file).sort());
  const overview = readFileSync(join(EXAMPLES_FOLDER, "README.md"), "utf8");
  for (const { file, debianPackages } of EXAMPLES) {
    assert.ok(overview.includes(file), file);
    for (const name of debianPackages.split(" ")) assert.ok(overview.includes(`\`${name}\``), name);
  }
});

function check(token: string): Promise<Response> {
  return fetch(`${server.publicUrl}${CHECK_PATH}`, { headers: { authorization: `Token ${token}` } });
}

/** Within a minute, since the exchange was just now. */
function assertExpiresIn(checked: Response, ttlSeconds: number): void {
  const leftSeconds = Number(checked.headers.get("x-auth-expires-at")) - Date.now() / 1000;
  assert.ok(leftSeconds <= ttlSeconds + 1 && leftSeconds > ttlSeconds - 60, `${leftSeconds} s left`);
}

function startsWith(text: string): RegExp {
  return new RegExp(`^${text.replaceAll(/[^\w]/g, "\\$&")}.`);
}

/** A stub server with answers of its own. */
async function startStub(listener: RequestListener): Promise<{ url: string; close(): Promise<void> }> {
  const stub = await listen(createServer(listener));
  return { url: urlOf(stub), close: () => close(stub) };
}

/** The URL of a port on which nothing will ever listen. */
async function closedUrl(): Promise<string> {
  return `http://127.0.0.1:${await reservePort()}`;
}

async function listen(stub: Server): Promise<Server> {
  stub.listen(0, "127.0.0.1");
  await once(stub, "listening");
  // A child left by a failed test must not keep this process running, which would then never report the failure.
  return stub.unref();
}

function urlOf(stub: Server): string {
  return `http://127.0.0.1:${(stub.address() as AddressInfo).port}`;
}

async function close(stub: Server): Promise<void> {
  stub.closeAllConnections();
  stub.close();
  await once(stub, "close");
}

/** The arguments of every visible process, as `ps` shows them. */
function allCommandLines(): string[] {
  const processes = readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name));
  return processes.flatMap((id) => {
    try {
      return readFileSync(`/proc/${id}/cmdline`, "utf8").replaceAll("\0", " ");
    } catch {
      return []; // It ended in the meantime.
    }
  });
}
