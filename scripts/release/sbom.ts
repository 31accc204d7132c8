import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PlacedPackage } from "./locked-tree.ts";
import type { PublishedPackage, Tree } from "./packages.ts";

/** A software bill of materials in both formats, as JSON. */
export interface Sbom {
  readonly cyclonedx: string;
  readonly spdx: string;
}

/** From which commit, and when that was made. */
export interface Source {
  readonly commit: string;
  readonly date: Date;
}

/**
 * What a package consists of, by `npm sbom` on a lock file of that package alone: on the workspace's, npm leaves out what
 * another workspace needs as well. npm's random ids and its clock are replaced, so that the same commit gives the same bytes.
 *
 * @param scratch a folder that this may use
 */
export function makeSbom(scratch: string, published: PublishedPackage, tree: Tree, source: Source): Sbom {
  const { name, version } = published.manifest;
  const folder = join(scratch, `sbom-${published.folder}`);
  writeProject(folder, published, tree);
  const npm = (format: string, ...more: string[]) =>
    execFileSync("npm", ["sbom", "--package-lock-only", "--sbom-format", format, ...more], {
      cwd: folder,
      encoding: "utf8",
      maxBuffer: 64 * 1024 * 1024,
    });
  const type = published.folder === "server" ? "application" : "library";
  const made = JSON.parse(npm("cyclonedx", "--sbom-type", type)) as CycloneDx;
  const spdx = JSON.parse(npm("spdx", "--sbom-type", type)) as Spdx;
  rmSync(folder, { recursive: true });
  const id = uuidOf(`${source.commit} ${name}@${version}`);
  const date = source.date.toISOString().replace(/\.\d+Z$/, "Z");
  made.serialNumber = `urn:uuid:${id}`;
  made.metadata.timestamp = date;
  // npm names the folder.
  made.metadata.component.name = name;
  spdx.documentNamespace = `https://spdx.org/spdxdocs/${encodeURIComponent(name)}-${version}-${id}`;
  spdx.creationInfo.created = date;
  return { cyclonedx: format(made), spdx: format(spdx) };
}

interface CycloneDx {
  serialNumber: string;
  metadata: { timestamp: string; component: { name: string } };
}

interface Spdx {
  documentNamespace: string;
  creationInfo: { created: string };
}

function format(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** A project that has nothing but the package, as if it were the root. */
function writeProject(folder: string, { manifest }: PublishedPackage, { installed, bundled }: Tree): void {
  const { name, version, license, description, dependencies = {} } = manifest;
  // The console's libraries come first: another version of one of them, which the server installs, is kept beside it.
  const packages = new Map<string, PlacedPackage>([...bundled, ...installed]);
  const versions = Object.fromEntries(
    [...bundled].filter(([path]) => !path.includes("/node_modules/")).map(([, p]) => [p.name, p.locked.version ?? "*"]),
  );
  const root = { name, version, license, description, dependencies: { ...versions, ...dependencies } };
  const lock = {
    name,
    version,
    lockfileVersion: 3,
    requires: true,
    packages: {
      "": root,
      ...Object.fromEntries([...packages].map(([path, { locked }]) => [path, withoutDev(locked)])),
    },
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), format(root));
  writeFileSync(join(folder, "package-lock.json"), format(lock));
}

function withoutDev({ dev: _dev, devOptional: _devOptional, ...locked }: PlacedPackage["locked"]): object {
  return locked;
}

/** A UUID of version 8 (RFC 9562, §5.8) that stands for this text. */
function uuidOf(text: string): string {
  const bytes = createHash("sha256").update(text).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
