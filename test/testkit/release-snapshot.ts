import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { environment } from "./run-program.ts";
import { temporaryFolder } from "./server.ts";

const root = join(import.meta.dirname, "..", "..");

/** The commit of which {@link makeSnapshot} makes a release. */
export const HEAD = execFileSync("git", ["rev-parse", "HEAD"], { cwd: root, encoding: "utf8" }).trim();

/**
 * Makes the files of a release of HEAD, in a clone of its own: other tests pack the checkout at the same time. The clone uses
 * the packages that are installed here.
 *
 * @returns the folder with the files
 */
export function makeSnapshot(): string {
  const clone = join(temporaryFolder(), "clone");
  const out = join(temporaryFolder(), "out");
  execFileSync("git", ["clone", "--quiet", "--no-hardlinks", root, clone]);
  execFileSync("git", ["checkout", "--quiet", "--detach", HEAD], { cwd: clone });
  linkPackages(root, clone);
  mkdirSync(join(clone, "node_modules", "@countersign"));
  for (const name of ["client", "console", "protocol", "verifier"]) {
    symlinkSync(join(clone, "packages", name), join(clone, "node_modules", "@countersign", name));
  }
  symlinkSync(join(clone, "packages", "server"), join(clone, "node_modules", "countersign"));
  for (const workspace of readdirSync(join(root, "packages"))) {
    linkPackages(join(root, "packages", workspace), join(clone, "packages", workspace));
  }
  execFileSync(process.execPath, [join(clone, "scripts", "release.ts"), "--snapshot", "--out", out], {
    cwd: clone,
    env: environment({ PATH: `${join(root, "node_modules", ".bin")}:${process.env["PATH"] ?? ""}` }),
    stdio: ["ignore", "ignore", "pipe"],
  });
  return out;
}

/** Links the packages that are installed in a folder into another, but for the workspaces themselves. */
function linkPackages(from: string, to: string): void {
  const names = readdirSync(from).includes("node_modules") ? readdirSync(join(from, "node_modules")) : [];
  for (const name of names.filter((each) => ![".cache", "@countersign", "countersign"].includes(each))) {
    mkdirSync(join(to, "node_modules"), { recursive: true });
    symlinkSync(join(from, "node_modules", name), join(to, "node_modules", name));
  }
}
