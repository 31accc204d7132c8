import { runProgram } from "./run-program.ts";

/** A program, with its modules, that a test needs and that npm doesn't install. */
export interface Requirement {
  /** Its name in the reason for a skip, such as `PHP with curl`. */
  readonly name: string;
  /** Its Debian packages. */
  readonly debianPackages: string;
  /** Command lines that all end with status 0 if it is installed. */
  readonly probes: readonly (readonly [file: string, ...args: string[]])[];
}

/** What is missing and how to install it; `undefined` if nothing is. */
export async function findMissing({ name, debianPackages, probes }: Requirement): Promise<string | undefined> {
  for (const [file, ...args] of probes) {
    const status = await runProgram(file, args).then(
      (result) => result.status,
      () => undefined,
    );
    if (status !== 0) return `${name} is missing (${[file, ...args].join(" ")}); apt-get install ${debianPackages}`;
  }
  return undefined;
}

/** Is this a continuous integration run? There a test that can't run is a failure, not a skip. */
export const IS_CI = (process.env["CI"] ?? "") !== "";
