/**
 * The image of deploy/container/Dockerfile, built by buildah.
 *
 * No registry of images is reachable where the tests run, so both base images are made here: Debian packages by
 * mmdebstrap, and in the build image this machine's npm and the pinned Node. The Dockerfile itself is the published one.
 */
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, statfsSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Requirement } from "./requirements.ts";
import { environment, runProgram } from "./run-program.ts";

export const REPOSITORY = fileURLToPath(new URL("../../", import.meta.url));

export const CONTAINER_TOOLS: Requirement = {
  name: "buildah, mmdebstrap and crun, run by root,",
  debianPackages: "buildah mmdebstrap crun util-linux",
  probes: [
    ["/usr/bin/buildah", "--version"],
    ["/usr/bin/mmdebstrap", "--version"],
    ["/usr/bin/crun", "--version"],
    ["/usr/bin/unshare", "--mount", "/bin/true"],
  ],
};

/** The release of Debian on which the default base images are built. */
const DEBIAN = "trixie";

/** What distroless/cc has. */
const RUNTIME_PACKAGES = ["base-files", "ca-certificates", "libc6", "libgcc-s1", "libstdc++6", "netbase", "tzdata"];

/** What the Dockerfile's commands and Node need. */
const BUILD_PACKAGES = [...RUNTIME_PACKAGES, "libatomic1", "dash", "coreutils", "findutils", "gzip", "sed", "tar"];

/** The CA certificates of this machine: npm may reach its registry through a proxy with a CA of its own. */
const CA_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";

const TAG = "localhost/countersign";

/** A build may take some minutes on a busy machine. */
const BUILD_MS_MAX = 15 * 60_000;

/** How much a build writes, in bytes, with much to spare. Memory is faster than a disk for so many small files. */
const BUILD_BYTES = 5 * 2 ** 30;

/** What an image tells a container runtime: the Docker image format's `config`. */
export interface ImageConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly WorkingDir: string;
  readonly StopSignal: string;
  readonly Volumes: Readonly<Record<string, unknown>>;
  readonly ExposedPorts: Readonly<Record<string, unknown>>;
  readonly Labels: Readonly<Record<string, string>>;
  readonly Healthcheck: { readonly Test: readonly string[] };
}

export interface Image {
  readonly config: ImageConfig;
  /** The image's files. */
  readonly root: string;
  /** Removes it. */
  remove(): void;
}

/** Builds the image as a user does, except for the base images. @throws if it can't be built */
export async function buildImage(): Promise<Image> {
  const folder = mkdtempSync(join(roomyFolder(), "countersign-image-"));
  const remove = () => {
    rmSync(folder, { recursive: true, force: true });
  };
  process.once("exit", remove);
  const buildah = async (...words: readonly string[]) => {
    const storage = ["--storage-driver=vfs", `--root=${join(folder, "storage")}`, `--runroot=${join(folder, "run")}`];
    return await run("/usr/bin/buildah", [...storage, ...words], { TMPDIR: folder });
  };
  const addBase = async (name: string, files: string, settings: readonly string[]) => {
    const container = await buildah("from", "scratch");
    await buildah("add", "--quiet", container, files, "/");
    await buildah("config", ...settings, container);
    await buildah("commit", "--quiet", "--rm", container, name);
    rmSync(files, { recursive: true });
    return name;
  };
  const runtime = await addBase("localhost/runtime-base", await makeRuntimeBase(folder), ["--user=nonroot"]);
  const npmCache = await run("npm", ["config", "get", "cache"]);
  const build = await addBase("localhost/build-base", await makeBuildBase(folder), [
    "--env=PATH=/usr/local/bin:/usr/bin:/bin",
    `--env=NODE_EXTRA_CA_CERTS=${CA_CERTIFICATES}`,
    `--env=npm_config_cafile=${CA_CERTIFICATES}`,
    // What `npm ci` has downloaded for the checkout isn't downloaded again.
    "--env=npm_config_cache=/npm-cache",
    "--env=npm_config_prefer_offline=true",
    "--env=npm_config_update_notifier=false",
  ]);
  const baseImages = [`--build-arg=BUILD_IMAGE=${build}`, `--build-arg=RUNTIME_IMAGE=${runtime}`];
  // chroot: no kernel feature that a virtual machine or a container may lack. docker: the other format has no HEALTHCHECK.
  const isolation = ["--isolation=chroot", "--network=host", `--volume=${npmCache}:/npm-cache`, "--format=docker"];
  const dockerfile = join(REPOSITORY, "deploy", "container", "Dockerfile");
  await buildah("build", ...baseImages, ...isolation, `--file=${dockerfile}`, `--tag=${TAG}`, REPOSITORY);
  const { Docker: inspected } = JSON.parse(await buildah("inspect", "--type=image", TAG)) as {
    readonly Docker: { readonly config: ImageConfig };
  };
  const root = await buildah("mount", await buildah("from", "--pull-never", TAG));
  return { config: inspected.config, root, remove };
}

/** A folder in memory if it has the room, else on the disk. */
function roomyFolder(): string {
  const memory = "/dev/shm";
  if (!existsSync(memory)) return tmpdir();
  const { bavail, bsize } = statfsSync(memory);
  return bavail * bsize >= BUILD_BYTES ? memory : tmpdir();
}

/** Like distroless/cc: neither a shell nor any other program, and no libatomic1. */
async function makeRuntimeBase(folder: string): Promise<string> {
  const files = await extractPackages(join(folder, "runtime-base"), RUNTIME_PACKAGES);
  for (const path of ["usr/bin", "usr/sbin", "var/lib/apt"]) {
    rmSync(join(files, path), { recursive: true });
    mkdirSync(join(files, path));
  }
  writeFileSync(
    join(files, "etc/passwd"),
    "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n",
  );
  writeFileSync(join(files, "etc/group"), "root:x:0:\nnonroot:x:65532:\n");
  return files;
}

/** Like node:slim: a shell, Node and npm. */
async function makeBuildBase(folder: string): Promise<string> {
  const files = await extractPackages(join(folder, "build-base"), BUILD_PACKAGES);
  const npm = join("lib", "node_modules", "npm");
  const local = join(files, "usr", "local");
  mkdirSync(join(local, "bin"), { recursive: true });
  cpSync(process.execPath, join(local, "bin", "node"));
  cpSync(join(await run("npm", ["root", "--global"]), "npm"), join(local, npm), { recursive: true });
  for (const name of ["npm", "npx"]) symlinkSync(join("..", npm, "bin", `${name}-cli.js`), join(local, "bin", name));
  cpSync(CA_CERTIFICATES, join(files, CA_CERTIFICATES));
  return files;
}

/** The files of Debian packages and of what they depend on. None of their scripts is run. */
async function extractPackages(target: string, packages: readonly string[]): Promise<string> {
  const words = ["--quiet", "--variant=extract", `--include=${packages.join(",")}`, DEBIAN, target];
  await run("/usr/bin/mmdebstrap", words, { TMPDIR: dirname(target) });
  return target;
}

/** @returns what the program printed, without the last newline. @throws for a status other than 0 */
async function run(program: string, words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const { status, stdout, stderr } = await runProgram(program, words, {
    env: environment(env),
    timeoutMs: BUILD_MS_MAX,
  });
  assert.equal(status, 0, `${program} ${words.join(" ")}: ${stdout.slice(-2000)}${stderr.slice(-4000)}`);
  return stdout.trim();
}
