import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { isAllowed } from "../../scripts/release/licences.ts";
import { IS_CI } from "../testkit/requirements.ts";
import { environment } from "../testkit/run-program.ts";
import { createApiUser, startServer, temporaryFolder, type TestServer } from "../testkit/server.ts";

const root = join(import.meta.dirname, "..", "..");

interface LockedPackage {
  readonly resolved?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
}

const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
  packages: Record<string, LockedPackage>;
};

describe("the dependencies", () => {
  test("are locked without the addresses they were downloaded from", () => {
    const withAddress = Object.entries(lock.packages).filter(([, { resolved }]) => /^[a-z+]+:/.test(resolved ?? ""));
    assert.deepEqual(withAddress, []);
  });

  test("that are installed with the server come under permissive licences and without install scripts", () => {
    const runtime = Object.entries(lock.packages).filter(
      ([path, { dev, link }]) => path.startsWith("node_modules/") && dev !== true && link !== true,
    );
    assert.ok(runtime.length > 20);
    for (const [path, { license = "none", hasInstallScript }] of runtime) {
      assert.ok(isAllowed(license), `${path} is under ${license}`);
      assert.notEqual(hasInstallScript, true, `${path} has an install script`);
    }
  });
});

const skip = !IS_CI && "it installs packages: CI=true npm run test:peers runs it";

/**
 * A folder with a project that isn't part of a workspace, and programs to run there. It is removed when this process
 * ends.
 */
class EmptyProject {
  readonly folder = temporaryFolder();

  /** Packs a workspace of the checkout into this folder, as publishing does. */
  pack(workspace: string): string {
    const before = new Set(globSync("*.tgz", { cwd: this.folder }));
    execFileSync("npm", ["pack", "--workspace", workspace, "--pack-destination", this.folder], {
      cwd: root,
      stdio: ["ignore", "ignore", "pipe"],
    });
    const [tarball] = globSync("*.tgz", { cwd: this.folder }).filter((file) => !before.has(file));
    assert.ok(tarball !== undefined, `npm packed nothing of ${workspace}`);
    return join(this.folder, tarball);
  }

  /** Installs packages, by name or by a tarball's path; only the named ones may run scripts. */
  install(packages: readonly string[], mayRunScripts: readonly string[] = ["node"]): void {
    const allowScripts = Object.fromEntries(mayRunScripts.map((name) => [name, true]));
    this.write("package.json", JSON.stringify({ private: true, type: "module", allowScripts }));
    this.run("npm", ["install", "--no-audit", "--no-fund", ...packages]);
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.folder, file), text);
  }

  /**
   * Runs a program to its end and returns its standard output. @throws for a status other than 0, with what it printed
   */
  run(program: string, words: readonly string[], env: NodeJS.ProcessEnv = {}): string {
    const { status, stdout, stderr } = spawnSync(program, words, {
      cwd: this.folder,
      encoding: "utf8",
      timeout: 300_000,
      env: environment({ ...env, PATH: `${join(this.folder, "node_modules", ".bin")}:/usr/local/bin:/usr/bin:/bin` }),
    });
    assert.equal(status, 0, `${program} ${words.join(" ")}: ${stdout}${stderr}`);
    return stdout;
  }

  /** A program of the checkout, with the Node that runs this test. */
  runTool(tool: string, words: readonly string[]): string {
    return this.run(process.execPath, [join(root, "node_modules", tool), ...words]);
  }
}

/** Asserts that a package contains only built files, its licence and its readme. */
function assertHoldsOnly(tarball: string, allowed: RegExp): void {
  const files = execFileSync("tar", ["tf", tarball], { encoding: "utf8" }).trim().split("\n");
  assert.deepEqual(
    files.filter((file) => !allowed.test(file) || /test|testing/.test(file)),
    [],
  );
  for (const needed of ["README.md", "LICENSE", "package.json"]) assert.ok(files.includes(`package/${needed}`), needed);
}

describe("the published server", { skip }, () => {
  for (const major of ["24", "26"]) {
    test(`installs into an empty folder and runs its demo on plain Node ${major}`, () => {
      const project = new EmptyProject();
      const tarball = project.pack("countersign");
      assertHoldsOnly(
        tarball,
        /^package\/(dist\/.*\.(js|d\.ts)|dist\/THIRD-PARTY-LICENCES\.txt|console\/.*|data\/published-keys\.txt|man\/countersign\.1|bin\/countersign\.js|package\.json|README\.md|LICENSE)$/,
      );
      project.install([tarball, `node@${major}`]);
      assert.match(project.run("node", ["--version"]), new RegExp(`^v${major}\\.`));
      const story = project.run("countersign", ["demo", "--exit"]);
      assert.match(story, /key_deactivated/);
      assert.match(story, /Every step succeeded\.\n$/);
      // The package contains the console, including the compressed files.
      const files = execFileSync("tar", ["tf", tarball], { encoding: "utf8" }).trim().split("\n");
      for (const needed of ["index.html", "index.html.br"])
        assert.ok(files.includes(`package/console/${needed}`), needed);
    });
  }
});

/** A library that is published for use in other programs. */
interface Library {
  readonly name: string;
  /** In packages/. */
  readonly folder: string;
  /** A JavaScript module that uses the library against a real server, and prints `it works`. */
  readonly program: string;
  /** A TypeScript module that uses everything that is exported. */
  readonly typed: string;
  /** The type packages of the checkout that a user needs too; none by default. */
  readonly types?: readonly string[];
}

const CLIENT: Library = {
  name: "@countersign/client",
  folder: "client",
  program: `
    import { CountersignError, createFetch, createTokenSource } from "@countersign/client";
    const { AUTH_URL: baseUrl, AUTH_USERNAME: username, AUTH_PRIVATE_KEY: privateKey } = process.env;
    const source = createTokenSource({ baseUrl, username, privateKey });
    const token = await source.getToken();
    const response = await createFetch(source)(baseUrl + "/api/auth/v0/check/");
    if (response.status !== 200 || response.headers.get("x-auth-username") !== username) throw new Error("refused");
    const other = createTokenSource({ baseUrl, username: "nobody", privateKey });
    const error = await other.getToken().catch((error) => error);
    if (!(error instanceof CountersignError) || error.code !== "assertion_rejected") throw new Error("not refused");
    console.log(token.length > 40 ? "it works" : "it doesn't");
  `,
  typed: `
    import {
      type ErrorCode, CountersignError, createFetch, createTokenSource, type RotatedKey, type TokenSource, type Warning,
    } from "@countersign/client";
    const warnings: Warning[] = [];
    const source: TokenSource = createTokenSource({
      baseUrl: new URL("https://auth.example.com"), username: "x", privateKey: async () => "pem", ttlSeconds: undefined,
      onWarning: (warning) => warnings.push(warning),
    });
    export const rotated: RotatedKey = await source.rotateKey({ store: async (pem: string) => void pem.length, bits: 3072 });
    export const proof: string = await source.proveKey({ nonce: undefined });
    const send: typeof fetch = createFetch(source, { origins: ["https://api.example.com"] });
    export const token: string = await source.getToken({ signal: AbortSignal.timeout(5), fresh: true });
    export const status: number = (await send("https://api.example.com/", { method: "POST", body: token })).status;
    export function codeOf(error: unknown): ErrorCode | undefined {
      if (!(error instanceof CountersignError)) return undefined;
      if (error.code === "key_deactivated" || error.code === "key_unusable") return error.code;
      // @ts-expect-error: the list of codes is closed
      if (error.code === "no_such_code") return undefined;
      return error.code;
    }
    // @ts-expect-error: there is no token source without a key
    createTokenSource({ baseUrl: "https://auth.example.com", username: "x" });
  `,
};

const VERIFIER: Library = {
  name: "@countersign/verifier",
  folder: "verifier",
  program: `
    import { once } from "node:events";
    import { createServer } from "node:http";
    import { createVerifier } from "@countersign/verifier";
    import { expressMiddleware } from "@countersign/verifier/express";
    import { fastifyPlugin } from "@countersign/verifier/fastify";
    import { fetchHandler } from "@countersign/verifier/fetch";
    import { honoMiddleware } from "@countersign/verifier/hono";
    import { nodeHandler } from "@countersign/verifier/node";
    const { AUTH_URL: baseUrl, AUTH_USERNAME: username, API_TOKEN, API_CLIENT_ID, API_CLIENT_SECRET } = process.env;
    const verifier = createVerifier({ baseUrl, clientId: API_CLIENT_ID, clientSecret: API_CLIENT_SECRET });
    const adapters = [expressMiddleware(verifier), fastifyPlugin(verifier), honoMiddleware(verifier)];
    const api = createServer(nodeHandler(verifier, (request, response) => response.end(request.auth.username)));
    await once(api.listen(0, "127.0.0.1"), "listening");
    const url = "http://127.0.0.1:" + api.address().port;
    const request = new Request(url, { headers: { authorization: "Token " + API_TOKEN } });
    const answers = [
      await (await fetch(url, { headers: request.headers })).text(),
      await (await fetchHandler(verifier, (request, auth) => new Response(auth.username))(request)).text(),
      (await fetch(url)).status,
      await verifier.ready(),
    ];
    api.close();
    api.closeAllConnections();
    verifier.close();
    const isSo = JSON.stringify(answers) === JSON.stringify([username, username, 401, true]);
    console.log(isSo && adapters.every((adapter) => typeof adapter === "function") ? "it works" : answers);
  `,
  typed: `
    import { createServer } from "node:http";
    import { type Auth, createVerifier, type Verdict, type Verifier } from "@countersign/verifier";
    import { expressMiddleware } from "@countersign/verifier/express";
    import { fetchHandler } from "@countersign/verifier/fetch";
    import { nodeHandler } from "@countersign/verifier/node";
    const verifier: Verifier = createVerifier({ baseUrl: "https://auth.example.com", clientId: "x", clientSecret: "y" });
    const verdict: Verdict = await verifier.verify("token");
    export const auth: Auth | undefined = verdict.outcome === "active" ? verdict.auth : undefined;
    export const api = createServer(nodeHandler(verifier, (request, response) => response.end(request.auth.username)));
    export const answer: Promise<Response> = fetchHandler(verifier, (_request, auth) => Response.json(auth))(new Request("x:y"));
    export const middleware = expressMiddleware(verifier);
    // @ts-expect-error: there is no verifier without credentials
    createVerifier({ baseUrl: "https://auth.example.com" });
  `,
  types: ["node"],
};

const LIBRARIES: readonly Library[] = [CLIENT, VERIFIER];

let server: TestServer;
let libraryEnvironment: NodeJS.ProcessEnv;

/** A server, and the environment that a library's program needs to use it. */
async function startForLibraries(): Promise<void> {
  server = await startServer();
  const user = await createApiUser(server);
  const token = ["token", "--username", user.username, "--key", user.privateKeyFile, "--url", server.publicUrl];
  const resourceServer = await server.json<{ client_id: string; client_secret: string }>(
    "resource-server",
    "create",
    "orders",
  );
  libraryEnvironment = {
    API_TOKEN: (await server.json<{ token: string }>(...token)).token,
    API_CLIENT_ID: resourceServer.client_id,
    API_CLIENT_SECRET: resourceServer.client_secret,
    AUTH_URL: server.publicUrl,
    AUTH_USERNAME: user.username,
    AUTH_PRIVATE_KEY: readFileSync(user.privateKeyFile, "utf8").replaceAll("\n", String.raw`\n`),
  };
}

describe("the published library", { skip }, () => {
  before(startForLibraries);
  after(() => server.stop());

  for (const library of LIBRARIES) {
    describe(library.name, () => {
      const packing = new EmptyProject();
      let tarball: string;
      before(() => {
        tarball = packing.pack(library.name);
      });

      test("contains what was built, and passes publint and are-the-types-wrong", () => {
        assertHoldsOnly(tarball, /^package\/(dist\/.*\.(js|d\.ts)|package\.json|README\.md|LICENSE)$/);
        packing.runTool("publint/src/cli.js", [tarball, "--strict"]);
        packing.runTool("@arethetypeswrong/cli/dist/index.js", [tarball, "--profile", "esm-only"]);
      });

      test("leaves the checkout's package.json unchanged", () => {
        const manifest = readFileSync(join(root, "packages", library.folder, "package.json"), "utf8");
        assert.match(manifest, /"\.\/src\/index\.ts"/);
      });

      for (const major of ["24", "26"]) {
        test(`installs into an empty folder and works on plain Node ${major}, also in a worker thread`, () => {
          const project = new EmptyProject();
          project.install([tarball, `node@${major}`]);
          assert.match(project.run("node", ["--version"]), new RegExp(`^v${major}\\.`));
          project.write("program.js", library.program);
          assert.equal(project.run("node", ["program.js"], libraryEnvironment), "it works\n");
          project.write(
            "in-worker.js",
            'import { Worker } from "node:worker_threads"; new Worker(new URL("program.js", import.meta.url));',
          );
          assert.equal(project.run("node", ["in-worker.js"], libraryEnvironment), "it works\n");
        });
      }

      test("has types that compile under the strictest options", () => {
        const project = new EmptyProject();
        project.install([tarball]);
        const types = library.types ?? [];
        project.write("program.ts", library.typed);
        const compilerOptions = {
          strict: true,
          exactOptionalPropertyTypes: true,
          noUncheckedIndexedAccess: true,
          noPropertyAccessFromIndexSignature: true,
          verbatimModuleSyntax: true,
          skipLibCheck: types.length > 0,
          noEmit: true,
          target: "ES2024",
          module: "nodenext",
          lib: types.includes("node") ? ["ES2024"] : ["ES2024", "DOM"],
          types,
          typeRoots: [join(root, "node_modules", "@types")],
        };
        project.write("tsconfig.json", JSON.stringify({ compilerOptions, files: ["program.ts"] }));
        project.runTool("typescript/bin/tsc", ["-p", "."]);
      });
    });
  }
});

describe("the published client", { skip }, () => {
  const project = new EmptyProject();
  before(async () => {
    await startForLibraries();
    const tarball = project.pack(CLIENT.name);
    // Their programs come inside npm packages; installing puts them in place and downloads nothing else.
    project.install([tarball, "deno@2.9.6", "bun@1.4.5"], ["deno", "bun"]);
    project.write("program.js", CLIENT.program);
  });
  after(() => server.stop());

  for (const [runtime, words] of [
    ["deno", ["run", "--allow-net=127.0.0.1", "--allow-env", "--node-modules-dir=manual", "program.js"]],
    ["bun", ["run", "program.js"]],
  ] as const) {
    test(`works on ${runtime}`, () => {
      assert.equal(project.run(runtime, words, libraryEnvironment), "it works\n");
    });
  }

  test("needs only the network permission on Deno", () => {
    const withoutProcess = CLIENT.program.replace("process.env", JSON.stringify(libraryEnvironment));
    project.write("without-environment.js", withoutProcess);
    const words = [
      "run",
      "--no-prompt",
      "--allow-net=127.0.0.1",
      "--node-modules-dir=manual",
      "without-environment.js",
    ];
    assert.equal(project.run("deno", words), "it works\n");
  });
});
