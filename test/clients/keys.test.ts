/**
 * What a client does with its keys by itself, with nothing of this project on its side: openssl and curl, and PyJWT, against a
 * real server. The commands are those of docs/keys-with-openssl.md.
 *
 * Where a program is missing, its tests are skipped, and fail where `CI` is set.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { delimiter, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { reservePort } from "../../packages/server/src/testing/reserve-port.ts";
import { findMissing, IS_CI, type Requirement } from "../testkit/requirements.ts";
import { environment, type ProgramResult, runProgram } from "../testkit/run-program.ts";
import { COUNTERSIGN, createKey, startServer, temporaryFolder, type TestServer } from "../testkit/server.ts";

const OPENSSL_AND_CURL: Requirement = {
  name: "openssl or curl",
  debianPackages: "curl openssl",
  probes: [
    ["openssl", "version"],
    ["curl", "--version"],
  ],
};
const PYTHON = "/usr/bin/python3";
const PYJWT: Requirement = {
  name: "Python with PyJWT, cryptography and requests",
  debianPackages: "python3-jwt python3-cryptography python3-requests",
  probes: [[PYTHON, "-c", "import cryptography, jwt, requests"]],
};

const root = fileURLToPath(new URL("../../", import.meta.url));
const CURL_EXAMPLES = join(root, "examples/curl");
const WEEK_MS = 7 * 86_400_000;

interface ShownKey {
  readonly id: number;
  readonly status: string;
  readonly label: string | null;
  readonly expires_at: string | null;
  readonly proved_at: string | null;
  readonly rotated_from: number | null;
}

let server: TestServer;
let lossy: LossyProxy;

before(async () => {
  const port = await reservePort();
  lossy = await startLossyProxy(port);
  const flags = ["--refusal-limit", "0", "--port", String(port), "--public-url", lossy.url];
  server = await startServer({ flags });
  await server.json("account", "create", "acme");
});
after(async () => {
  lossy.close();
  await server.stop();
});

/** A proxy before the server, at its public URL, that can lose one rotation. */
interface LossyProxy {
  readonly url: string;
  /** Loses the next rotation's request before the server sees it, or the server's answer. */
  loseNext(what: "request" | "answer"): void;
  close(): void;
}

async function startLossyProxy(serverPort: number): Promise<LossyProxy> {
  let losing: "request" | "answer" | undefined;
  const proxy = createServer((incoming, outgoing) => {
    const { url = "", method, headers } = incoming;
    const loses = url.startsWith("/api/auth/v0/keys/") ? losing : undefined;
    if (loses !== undefined) losing = undefined;
    if (loses === "request") {
      incoming.socket.destroy();
      return;
    }
    const passed = request({ host: "127.0.0.1", port: serverPort, path: url, method, headers }, (answer) => {
      if (loses === "answer") {
        incoming.socket.destroy();
        answer.resume();
        return;
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    passed.on("error", () => incoming.socket.destroy());
    incoming.pipe(passed);
  }).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  // If the server can't be started, this process must end all the same.
  proxy.unref();
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    loseNext(what) {
      losing = what;
    },
    close() {
      proxy.close();
      proxy.closeAllConnections();
    },
  };
}

const missing = { curl: await findMissing(OPENSSL_AND_CURL), python: await findMissing(PYJWT) };
const skipWithout = (reason: string | undefined) => reason !== undefined && !IS_CI && reason;

/** A machine of a client: a folder, and the examples and `countersign` among its programs. */
interface Machine {
  readonly folder: string;
  readonly username: string;
  /** Runs a command in the folder. */
  sh(command: string, variables?: NodeJS.ProcessEnv): Promise<ProgramResult>;
  /** The same. @throws if it fails, or says anything on standard error */
  run(command: string, variables?: NodeJS.ProcessEnv): Promise<string>;
  /** The keys of its API user, oldest first. */
  keys(): Promise<readonly ShownKey[]>;
}

async function createMachine(name: string, ...flags: readonly string[]): Promise<Machine> {
  const folder = temporaryFolder();
  const programs = join(folder, "bin");
  mkdirSync(programs);
  writeFileSync(join(programs, "countersign"), `#!/bin/sh\nexec ${process.execPath} ${COUNTERSIGN} "$@"\n`, {
    mode: 0o755,
  });
  const { username } = await server.json<{ username: string }>("user", "create", name, "--account", "acme", ...flags);
  const env = environment({
    PATH: [programs, CURL_EXAMPLES, process.env["PATH"]].join(delimiter),
    COUNTERSIGN_DATA_DIR: server.dataDir,
    COUNTERSIGN_PUBLIC_URL: server.publicUrl,
    AUTH_URL: server.publicUrl,
    AUTH_USERNAME: username,
    no_proxy: "127.0.0.1",
  });
  const sh = (command: string, variables: NodeJS.ProcessEnv = {}) =>
    runProgram("/bin/sh", ["-euc", `cd ${folder}\n${command}`], { env: { ...env, ...variables } });
  return {
    folder,
    username,
    sh,
    async run(command, variables) {
      const { status, stdout, stderr } = await sh(command, variables);
      assert.equal(stderr, "", command);
      assert.equal(status, 0, command);
      return stdout;
    },
    keys: async () => (await server.json<readonly ShownKey[]>("key", "list", username)).toSorted((a, b) => a.id - b.id),
  };
}

/** A machine whose user may rotate its key, which is in `private.pem`. */
async function createRotatingMachine(name: string): Promise<Machine> {
  const machine = await createMachine(name, "--may-rotate");
  const { privateKeyFile } = await createKey(server, machine.username);
  await machine.run(`cp ${privateKeyFile} private.pem`);
  return machine;
}

const readIn = ({ folder }: Machine, file: string) => readFileSync(join(folder, file), "utf8");

const ROTATE = 'rotate-key.sh "$AUTH_URL" "$AUTH_USERNAME" private.pem 2048';

async function assertGetsToken(machine: Machine, file = "private.pem"): Promise<string> {
  const token = (await machine.run(`exchange.sh "$AUTH_URL" "$AUTH_USERNAME" ${file}`)).trim();
  assert.equal(await statusOf(token), 200);
  return token;
}

async function statusOf(token: string): Promise<number> {
  const response = await fetch(`${server.publicUrl}/api/auth/v0/check/`, {
    headers: { Authorization: `Token ${token}` },
  });
  await response.body?.cancel();
  return response.status;
}

async function codeOf(machine: Machine, file: string): Promise<string | undefined> {
  return /^(\w+): /.exec((await machine.sh(`exchange.sh "$AUTH_URL" "$AUTH_USERNAME" ${file}`)).stderr)?.[1];
}

/** The blocks of commands in a page of the documentation. */
function commandsIn(page: string): readonly string[] {
  const text = readFileSync(join(root, "docs", page), "utf8");
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, commands = ""]) => commands);
}

/** The script with which docs/keys.md makes a revocation statement. */
const REVOCATION_SCRIPT = commandsIn("keys.md").find((commands) => commands.includes("revocation.sh")) ?? "";

describe("openssl and curl alone", { skip: skipWithout(missing.curl) }, () => {
  before(() => assert.equal(missing.curl, undefined));

  test("add a key with a proof, rotate it, and revoke it, by the commands of docs/keys-with-openssl.md", async () => {
    const commands = commandsIn("keys-with-openssl.md");
    const [make = "", add = "", allow = "", rotate = "", makeStatement = "", revoke = "", ...more] = commands;
    assert.deepEqual(more, []);
    const machine = await createMachine("documented");

    await machine.run(make.replace("private.pem\n", "private.pem 2>/dev/null\n"));
    await machine.run(add);
    const [first] = await machine.keys();
    assert.ok(first?.proved_at, "possession is proved");
    await assertGetsToken(machine);
    assert.equal((await machine.sh(add)).status, 1, "a proof is good for one key");

    await machine.run(allow);
    await machine.run("cp private.pem first.pem");
    await machine.run(rotate);
    await machine.run("cp private.pem second.pem");
    // With a third active key, exchange.sh, which doesn't name its key, can't use the first any more.
    const third = await machine.sh(rotate);
    assert.match(third.stderr, /^rotate-key\.sh: warning: Key \d+ is tried only if .* kid.*\n$/);
    assert.equal(third.status, 0);
    const keys = await machine.keys();
    assert.deepEqual(
      keys.map(({ rotated_from }) => rotated_from),
      [null, keys[0]?.id, keys[1]?.id],
    );
    assert.ok(keys.every(({ proved_at }) => proved_at !== null));
    for (const { expires_at } of keys.slice(0, 2)) {
      const leftMs = Date.parse(expires_at ?? "") - Date.now();
      assert.ok(leftMs > WEEK_MS - 600_000 && leftMs <= WEEK_MS, `${leftMs} ms`);
    }
    assert.equal(keys[2]?.expires_at, null);
    const token = await assertGetsToken(machine);
    await assertGetsToken(machine, "second.pem");

    writeFileSync(join(machine.folder, "revocation.sh"), REVOCATION_SCRIPT);
    await machine.run(makeStatement);
    const answer = { meta: { code: 200, errors: [], warnings: [] }, data: {} };
    assert.deepEqual(JSON.parse(await machine.run(revoke.replace("curl ", "curl --silent "))), answer);
    assert.equal(await statusOf(token), 403);
    // exchange.sh doesn't name its key, and the user's two active keys are tried before a revoked one.
    assert.equal(await codeOf(machine, "private.pem"), "assertion_rejected");
    assert.deepEqual(JSON.parse(await machine.run(revoke.replace("curl ", "curl --silent "))), answer, "again");
    const { status, stderr } = await machine.sh(
      'openssl pkey -in private.pem -pubout -out public.pem; countersign key add "$AUTH_USERNAME" public.pem',
    );
    assert.equal(status, 1);
    assert.match(stderr, /revoked/);
  });

  test("a proof can be made over a nonce from an operator, without a way to the service", async () => {
    const machine = await createMachine("offline");
    await machine.run(
      "openssl genrsa -out private.pem 2048 2>/dev/null; openssl pkey -in private.pem -pubout -out public.pem",
    );
    const { nonce } = await server.json<{ nonce: string }>("key", "challenge", machine.username);
    await machine.run(`prove-key.sh "$AUTH_URL" "$AUTH_USERNAME" private.pem ${nonce} > proof.jwt`, {
      http_proxy: "http://127.0.0.1:1",
      no_proxy: "",
    });
    await machine.run('countersign key add "$AUTH_USERNAME" public.pem --proof proof.jwt');
    assert.ok((await machine.keys())[0]?.proved_at);
  });
});

describe("rotate-key.sh", { skip: skipWithout(missing.curl) }, () => {
  before(() => assert.equal(missing.curl, undefined));

  test("prints nothing, leaves only the new key, and no other user can read it", async () => {
    const machine = await createRotatingMachine("quiet");
    const former = readIn(machine, "private.pem");
    assert.equal(await machine.run(ROTATE), "");
    assert.notEqual(readIn(machine, "private.pem"), former);
    assert.deepEqual(readdirSync(machine.folder).toSorted(), ["bin", "private.pem"]);
    assert.equal(statSync(join(machine.folder, "private.pem")).mode & 0o777, 0o600);
    await assertGetsToken(machine);
  });

  test("that isn't allowed to rotate keeps the present key, says why, and goes on with the new one once it is allowed", async () => {
    const machine = await createRotatingMachine("not-allowed");
    await server.cli("user", "edit", machine.username, "--no-may-rotate");
    const former = readIn(machine, "private.pem");
    const { status, stdout, stderr } = await machine.sh(ROTATE);
    assert.equal(status, 1);
    assert.equal(stdout, "");
    assert.match(stderr, /^rotate-key\.sh: \w+: .*\n(Hint: .*\n)?$/);
    assert.equal(readIn(machine, "private.pem"), former);
    await assertGetsToken(machine);
    const next = readIn(machine, "private.pem.next");

    await server.cli("user", "edit", machine.username, "--may-rotate");
    await machine.run(ROTATE);
    assert.equal(readIn(machine, "private.pem"), next);
    await assertGetsToken(machine);
  });

  test("whose answer is lost after the service registered the key succeeds, because the new key gets a token", async () => {
    const machine = await createRotatingMachine("answer-lost");
    lossy.loseNext("answer");
    await machine.run(ROTATE);
    assert.equal((await machine.keys()).length, 2);
    await assertGetsToken(machine);
    assert.deepEqual(readdirSync(machine.folder).toSorted(), ["bin", "private.pem"]);
  });

  test("whose request is lost fails, keeps the present key, and registers the same new key next time", async () => {
    const machine = await createRotatingMachine("request-lost");
    const former = readIn(machine, "private.pem");
    lossy.loseNext("request");
    const { status, stderr } = await machine.sh(ROTATE);
    assert.equal(status, 1);
    assert.match(stderr, /^rotate-key\.sh: http:\S+ can't be reached, or isn't this API: .+\n$/);
    assert.equal(readIn(machine, "private.pem"), former);
    await assertGetsToken(machine);
    const next = readIn(machine, "private.pem.next");
    await machine.run(ROTATE);
    assert.equal(readIn(machine, "private.pem"), next);
    await assertGetsToken(machine);
  });

  test("that was killed after the key was registered goes on with that key", async () => {
    const machine = await createRotatingMachine("killed");
    await machine.run("cp private.pem former.pem");
    await machine.run(ROTATE);
    const registered = (await machine.keys()).length;
    // As the files stood at that moment; the lock names a process that is gone.
    await machine.run("mv private.pem private.pem.next; mv former.pem private.pem; mkdir private.pem.lock");
    await machine.run("sh -c 'echo $$' > private.pem.lock/pid");
    const next = readIn(machine, "private.pem.next");
    await machine.run(ROTATE);
    assert.equal(readIn(machine, "private.pem"), next);
    assert.equal((await machine.keys()).length, registered);
    assert.deepEqual(readdirSync(machine.folder).toSorted(), ["bin", "private.pem"]);
  });

  test("runs once at a time", async () => {
    const machine = await createRotatingMachine("twice");
    await machine.run(`mkdir private.pem.lock; echo ${process.pid} > private.pem.lock/pid`);
    const { status, stderr } = await machine.sh(ROTATE);
    assert.equal(status, 1);
    assert.match(stderr, /^rotate-key\.sh: another rotation of private\.pem is running; .*\n$/);
    assert.equal((await machine.keys()).length, 1);
    assert.ok(existsSync(join(machine.folder, "private.pem.lock")), "the other's lock stays");
  });

  test("reports an unreachable service, an unusable key and wrong usage, and changes nothing", async () => {
    const machine = await createRotatingMachine("failures");
    const former = readIn(machine, "private.pem");
    for (const [command, expected, says] of [
      ['rotate-key.sh http://127.0.0.1:1 "$AUTH_USERNAME" private.pem 2048', 1, /can't be reached.*/],
      ['rotate-key.sh "$AUTH_URL" "$AUTH_USERNAME" missing.pem', 1, /isn't a readable RSA private key in PEM\./],
      ['rotate-key.sh "$AUTH_URL" api-1-nobody private.pem', 1, /assertion_rejected: .*\nHint: .*/],
      ['rotate-key.sh "$AUTH_URL"', 2, /usage: rotate-key\.sh <base url> <username> <private key file> \[bits\]/],
    ] as const) {
      const { status, stdout, stderr } = await machine.sh(command);
      assert.equal(status, expected, stderr);
      assert.match(stderr, new RegExp(`^(rotate-key\\.sh: )?.*${says.source}\n$`));
      assert.equal(stdout, "");
      assert.equal(readIn(machine, "private.pem"), former);
    }
    await assertGetsToken(machine);
  });
});

/** Everything by PyJWT and requests: `program <command> <base url> <username> <private key file> [argument]`. */
const PYTHON_PROGRAM = `
import base64, json, sys, time
import jwt, requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

command, url, username, file, *more = sys.argv[1:]

def save(key, file):
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    with open(file, "wb") as out:
        out.write(key.private_bytes(encoding, form, serialization.NoEncryption()))

def load(file):
    with open(file, "rb") as text:
        return serialization.load_pem_private_key(text.read(), None)

def public_pem(key):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()

def prove(key):
    nonce = requests.post(url + "/api/auth/v0/key-challenges/").json()["data"]["nonce"]
    claims = {"aud": url, "sub": username, "nonce": nonce, "iat": int(time.time())}
    return jwt.encode(claims, key, algorithm="RS256", headers={"typ": "key-proof+jwt"})

if command == "make":
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    save(key, file)
    with open(more[0], "w") as out:
        out.write(public_pem(key))
    print(prove(key))
elif command == "token":
    assertion = jwt.encode({"username": username, "iat": time.time()}, load(file), algorithm="RS256")
    answer = requests.get(url + "/api/auth/v0/refresh/", headers={"Authorization": "JWT " + assertion}).json()
    print(answer["data"].get("token") or answer["meta"]["errors"][0]["code"])
elif command == "rotate":
    key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    save(key, more[0])
    claims = {"username": username, "iat": time.time(), "aud": url + "/api/auth/v0/keys/"}
    assertion = jwt.encode(claims, load(file), algorithm="RS384")
    answer = requests.post(
        url + "/api/auth/v0/keys/",
        headers={"Authorization": "JWT " + assertion},
        json={"public_key": public_pem(key), "proof": prove(key), "label": "by python", "overlap_seconds": 3600},
    )
    print(answer.status_code, answer.json()["data"]["label"])
elif command == "revoke":
    key = load(file)
    numbers = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    jwk = {name: numbers[name] for name in ("kty", "n", "e")}
    headers = {"typ": "key-revocation+jwt", "jwk": jwk}
    statement = jwt.encode({"purpose": "revoke this key for good"}, key, algorithm="RS256", headers=headers)
    print(requests.post(url + "/api/auth/v0/revoke-key/", json={"revocation": statement}).status_code)
`;

describe("PyJWT and requests alone", { skip: skipWithout(missing.python) }, () => {
  test("add a key with a proof, rotate it, and revoke it", async () => {
    assert.equal(missing.python, undefined);
    const machine = await createMachine("python", "--may-rotate");
    const python = async (command: string, ...files: string[]) => {
      const words = ["-c", PYTHON_PROGRAM, command, server.publicUrl, machine.username];
      const paths = files.map((file) => join(machine.folder, file));
      const { status, stdout, stderr } = await runProgram(PYTHON, [...words, ...paths], {
        env: environment({ no_proxy: "127.0.0.1" }),
      });
      assert.equal(stderr, "");
      assert.equal(status, 0);
      return stdout.trim();
    };
    const proof = await python("make", "first.pem", "public.pem");
    await machine.run(`countersign key add "$AUTH_USERNAME" public.pem --proof ${proof}`);
    const firstToken = await python("token", "first.pem");
    assert.equal(await statusOf(firstToken), 200);

    assert.equal(await python("rotate", "first.pem", "second.pem"), "201 by python");
    const [first, second] = await machine.keys();
    assert.deepEqual([second?.rotated_from, second?.label], [first?.id, "by python"]);
    assert.ok(first?.proved_at && second?.proved_at);
    const leftMs = Date.parse(first.expires_at ?? "") - Date.now();
    assert.ok(leftMs > 3_000_000 && leftMs <= 3_600_000, `${leftMs} ms`);
    const secondToken = await python("token", "second.pem");
    assert.equal(await statusOf(secondToken), 200);

    assert.equal(await python("revoke", "second.pem"), "200");
    assert.equal(await statusOf(secondToken), 403);
    assert.equal(await python("token", "second.pem"), "key_deactivated");
    assert.equal(await statusOf(firstToken), 200, "the former key's own tokens live until it ends");
  });
});
