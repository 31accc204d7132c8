import type { TestServer } from "./server.ts";

/** `countersign doctor --json` and its exit status. */
export interface Diagnosis {
  readonly status: number | null;
  readonly report: {
    readonly status: string;
    readonly counts: Readonly<Record<string, number>>;
    readonly findings: readonly {
      readonly check: string;
      readonly code: string;
      readonly severity: string;
      readonly found: string;
      readonly fix: string | null;
    }[];
  };
  /** The codes of warnings and errors, sorted. */
  readonly faults: readonly string[];
  readonly text: string;
}

/** Runs the doctor with a server's settings. */
export async function diagnose({ cli }: Pick<TestServer, "cli">, ...flags: readonly string[]): Promise<Diagnosis> {
  const { status, stdout, stderr } = await cli("doctor", "--json", ...flags);
  const report = JSON.parse(stdout) as Diagnosis["report"];
  const faults = report.findings
    .filter(({ severity }) => severity === "warning" || severity === "error")
    .map(({ code }) => code)
    .toSorted();
  return { status, report, faults, text: stdout + stderr };
}
