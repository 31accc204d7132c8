/**
 * Builds the published packages: JavaScript and types under packages/<folder>/dist, and the console under
 * packages/server/console.
 *
 *     node scripts/build.ts                  the server, the client and the verifier
 *     node scripts/build.ts client           one of them
 *
 * A checkout runs TypeScript as it is, but Node strips no types under node_modules. The protocol package isn't published:
 * its modules go into each package that imports them.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type OutputOptions, rolldown } from "rolldown";
import { dts } from "rolldown-plugin-dts";
import { licenceTexts } from "./release/licences.ts";
import { readLock } from "./release/locked-tree.ts";
import { consoleTree } from "./release/packages.ts";

const root = join(import.meta.dirname, "..");
const PUBLISHED = ["server", "client", "verifier"];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !PUBLISHED.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`build: ${unknown.join(", ")}: no such package; there are ${PUBLISHED.join(", ")}\n`);
  process.exitCode = 2;
} else for (const name of wanted.length > 0 ? wanted : PUBLISHED) await build(name);

/** Builds one package. Removes the earlier build first. */
async function build(name: string): Promise<void> {
  rmSync(join(root, "packages", name, "dist"), { recursive: true, force: true });
  if (name === "server") await buildServer();
  else await buildLibrary(name);
}

/** One file per module, so that stack traces name the module. No program imports the server, so it has no types. */
async function buildServer(): Promise<void> {
  const folder = join(root, "packages", "server");
  execFileSync("npm", ["run", "build", "--silent", "-w", "@countersign/console"], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  const worker = "platform/key-examiner-worker";
  await bundle(
    // The worker's module is loaded by its address, so no import leads to it.
    { main: join(folder, "src", "main.ts"), [worker]: join(folder, "src", `${worker}.ts`) },
    { dir: join(folder, "dist"), preserveModules: true, preserveModulesRoot: join(folder, "src") },
  );
  // The console's files contain these libraries, and their licences ask for the notice to go with them.
  writeFileSync(
    join(folder, "dist", "THIRD-PARTY-LICENCES.txt"),
    licenceTexts(root, consoleTree(root, readLock(root)).values(), "Libraries in the console, and their licences"),
  );
  // A release says what it is built from; countersign version prints it.
  const commit = process.env["SOURCE_COMMIT"];
  if (commit !== undefined) writeFileSync(join(folder, "dist", "COMMIT"), `${commit}\n`);
}

/** One file per entry point, with its types, and files for what several entry points share. */
async function buildLibrary(name: string): Promise<void> {
  const folder = join(root, "packages", name);
  const { exports } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    exports: Record<string, string>;
  };
  const entries = Object.values(exports).flatMap((path) => {
    const entry = /^\.\/src\/(.+)\.ts$/.exec(path)?.[1];
    return entry === undefined ? [] : [[entry, join(folder, path)] as const];
  });
  await bundle(Object.fromEntries(entries), { dir: join(folder, "dist"), chunkFileNames: "[name].js" }, [
    dts({
      tsconfig: join(root, "tsconfig.json"),
      tsconfigRaw: {
        include: [`packages/${name}/src`, "packages/protocol/src"],
        exclude: ["**/*.test.ts", "**/testing"],
      },
      eager: true,
    }),
  ]);
}

async function bundle(
  input: Record<string, string>,
  output: OutputOptions,
  plugins: ReturnType<typeof dts>[] = [],
): Promise<void> {
  const build = await rolldown({
    input,
    cwd: root,
    platform: "neutral",
    plugins,
    checks: { pluginTimings: false },
    external: (id) => !/^[./]/.test(id) && id !== "@countersign/protocol",
  });
  await build.write({ format: "esm", ...output });
  await build.close();
}
