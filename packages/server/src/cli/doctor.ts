import { Command } from "commander";
import { ConfigError, type Flags } from "../config/config.ts";
import type { Severity } from "../core/doctor/catalogue.ts";
import { reportJson } from "../core/doctor/run-checks.ts";
import { findNtpServer } from "../platform/doctor/ntp.ts";
import { columnsOf, type CliContext, NegativeResult, paint, print, type Style, WrongUsage } from "./context.ts";
import type { DiagnosisJson } from "./operations.ts";
import { withAllFlags } from "./store-flags.ts";
import { findServer } from "./find-server.ts";
import { withOperations } from "./target.ts";
import { wrapText } from "./wrap-text.ts";

type Options = Flags & { readonly json?: boolean; readonly strict?: boolean; readonly ntp?: string };

/** The sign and the word of a severity: no one has to tell colours or signs apart. */
const SIGNS: Readonly<Record<Severity, { readonly sign: string; readonly word: string; readonly style: Style }>> = {
  ok: { sign: "✓", word: "ok", style: "green" },
  info: { sign: "i", word: "info", style: "cyan" },
  warning: { sign: "!", word: "warning", style: "yellow" },
  error: { sign: "✗", word: "error", style: "red" },
};

/** The widest output where the terminal doesn't say its width. */
const COLUMNS_MAX = 100;

/**
 * Checks the whole deployment from this machine. It changes nothing, and works while the service runs or not.
 *
 * Exit status: 1 if there is an error, or with `--strict` a warning, too; otherwise 0.
 */
export function doctorCommand(context: CliContext): Command {
  return withAllFlags(new Command("doctor"))
    .option("--ntp <host[:port]>", "compare this machine's clock with an NTP server's")
    .option("--strict", "exit with status 1 for warnings, too")
    .option("--json", "print JSON")
    .action(async (options: Options) => {
      const { strict, ntp } = options;
      if (ntp !== undefined && findNtpServer(ntp) === undefined) {
        throw new WrongUsage("--ntp takes a host, or a host and a port, such as time.example:123.");
      }
      const report = await examine(context, options, ntp);
      print(context, options.json, report, () => describe(context, report));
      const { error, warning } = report.counts;
      if (error > 0 || (strict === true && warning > 0)) throw new NegativeResult();
    });
}

type Report = Pick<DiagnosisJson, "status" | "counts" | "findings">;

/** From this machine; of a server, what its node finds wrong with itself. */
async function examine(context: CliContext, options: Options, ntp: string | undefined): Promise<Report> {
  if (!worksOnServer(context, options)) return reportJson(await context.diagnose(options, ntp));
  if (ntp !== undefined) throw new WrongUsage("--ntp asks from this machine, so it doesn't go with a server.");
  return (await withOperations(context, options, (operate) => operate("getDiagnosis", {}))).data;
}

/** A problem of the configuration is a finding of the examination from this machine. */
function worksOnServer(context: CliContext, options: Options): boolean {
  try {
    const config = context.config(options);
    // Without a token, --admin-url is a setting to examine.
    const isSelected = config.adminToken !== undefined || options.adminUrl === undefined;
    return isSelected && findServer(context, options, config) !== undefined;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}

function describe(context: CliContext, { counts, findings }: Report): string {
  const columns = Math.min(columnsOf(context) ?? COLUMNS_MAX, COLUMNS_MAX);
  const groups = Map.groupBy(findings, ({ check }) => check);
  const lines = [...groups].flatMap(([check, found]) => [
    paint(context, "bold", found[0]?.title ?? check),
    ...found.flatMap((finding) => describeFinding(context, finding, columns)),
    "",
  ]);
  const { error, warning, info, ok } = counts;
  return [...lines, `${error} error(s), ${warning} warning(s), ${info} to know, ${ok} ok`].join("\n");
}

function describeFinding(
  context: CliContext,
  { severity, found, fix, code }: Report["findings"][number],
  columns: number,
): string[] {
  // A server of a newer release may know other severities.
  const { sign, word, style } = Object.hasOwn(SIGNS, severity) ? SIGNS[severity] : SIGNS.info;
  const head = `  ${sign} ${word.padEnd(8)}`;
  const indent = " ".repeat(head.length);
  const text = severity === "ok" ? found : `${found} [${code}]`;
  const [first = "", ...rest] = wrapText(text, columns - head.length);
  return [
    paint(context, style, head) + first,
    ...rest.map((line) => indent + line),
    ...(fix === null ? [] : wrapText(`→ ${fix}`, columns - head.length).map((line) => indent + line)),
  ];
}
