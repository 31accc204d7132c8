import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import type { PushMetricExporter } from "@opentelemetry/sdk-metrics";
import type { SpanExporter } from "@opentelemetry/sdk-trace";
import type { SignalSettings } from "../../config/telemetry.ts";
import { errorCode } from "../error-code.ts";

/** A file of an exporter can't be read. The message names the kind of file and the problem. */
export class ExporterFileError extends Error {
  override readonly name = "ExporterFileError";
}

/** The largest file, in bytes: the authorities of a whole system have some 200 KiB. */
const FILE_BYTES_MAX = 4 * 2 ** 20;

/** Takes a log line. */
export type Report = (line: object, message: string) => void;

/** @throws {ExporterFileError} */
export async function createSpanExporter(settings: SignalSettings, report: Report): Promise<SpanExporter> {
  const { OTLPTraceExporter } =
    settings.protocol === "http/json"
      ? await import("@opentelemetry/exporter-trace-otlp-http")
      : await import("@opentelemetry/exporter-trace-otlp-proto");
  return reporting(new OTLPTraceExporter(await exporterOptions(settings)), "traces", report);
}

/** @throws {ExporterFileError} */
export async function createMetricExporter(settings: SignalSettings, report: Report): Promise<PushMetricExporter> {
  const { OTLPMetricExporter } =
    settings.protocol === "http/json"
      ? await import("@opentelemetry/exporter-metrics-otlp-http")
      : await import("@opentelemetry/exporter-metrics-otlp-proto");
  return reporting(new OTLPMetricExporter(await exporterOptions(settings)), "metrics", report);
}

async function exporterOptions({ url, headers, timeoutMs, compression, ...files }: SignalSettings) {
  const [ca, cert, key] = await Promise.all([
    readPem("the authorities", files.caFile),
    readPem("the client certificate", files.certFile),
    readPem("the client certificate's key", files.keyFile),
  ]);
  return {
    url,
    headers: { ...headers },
    timeoutMillis: timeoutMs,
    // Its enumeration isn't exported by the exporters.
    compression: compression as never,
    // One export at a time: a slow receiver must not collect copies of what waits.
    concurrencyLimit: 2,
    httpAgentOptions: { keepAlive: true, ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) },
  };
}

async function readPem(what: string, file: string | undefined): Promise<Buffer | undefined> {
  if (file === undefined) return undefined;
  try {
    // Opening a pipe must not wait for its writer.
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await handle.stat();
    if (!stats.isFile()) throw new ExporterFileError(`${what}: not a regular file`);
    if (stats.size > FILE_BYTES_MAX) throw new ExporterFileError(`${what}: over ${FILE_BYTES_MAX / 2 ** 20} MiB`);
    return await handle.readFile();
  } catch (error) {
    throw error instanceof ExporterFileError ? error : new ExporterFileError(`${what}: ${errorCode(error)}`);
  }
}

interface Exporter<Items> {
  export(items: Items, done: (result: ExportResult) => void): void;
}

/** Reports when exports begin to fail, and when they work again; not each one, since there may be one every second. */
function reporting<Items, Target extends Exporter<Items>>(
  exporter: Target & Exporter<Items>,
  signal: string,
  report: Report,
): Target {
  let isFailing = false;
  const send = exporter.export.bind(exporter);
  exporter.export = (items, done) => {
    send(items, (result) => {
      const hasFailed = result.code !== ExportResultCode.SUCCESS;
      if (hasFailed !== isFailing) {
        isFailing = hasFailed;
        if (hasFailed)
          report({ signal, reason: reasonOf(result.error) }, "telemetry can't be exported; it is lost until it can");
        else report({ signal }, "telemetry is exported again");
      }
      done(result);
    });
  };
  return exporter;
}

/** Never the error's message: it can hold the URL, or text of the receiver. */
function reasonOf(error: (Error & { readonly code?: unknown }) | undefined): string {
  const { code } = error ?? {};
  if (typeof code === "number") return `the receiver answered ${code}`;
  return typeof code === "string" && /^[A-Z_0-9]{1,60}$/.test(code) ? code : "no usable answer in time";
}
