import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { truncateSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import type { SignalSettings } from "../../config/telemetry.ts";
import { makeTemporaryFolder } from "../../testing/test-registry.ts";
import { createSpanExporter, ExporterFileError } from "./exporters.ts";

test("an exporter's file that never ends, has no end yet or is huge is refused, and isn't waited for", async () => {
  const folder = makeTemporaryFolder();
  const [pipe, huge] = [folder.file("pipe"), folder.file("huge.pem")];
  execFileSync("mkfifo", [pipe]);
  writeFileSync(huge, "");
  truncateSync(huge, 2 ** 31);
  const settings: SignalSettings = {
    url: "https://collector.example/v1/traces",
    protocol: "http/json",
    headers: {},
    timeoutMs: 1000,
    compression: "none",
    caFile: undefined,
    certFile: undefined,
    keyFile: undefined,
  };
  for (const [caFile, problem] of [
    [pipe, /^the authorities: not a regular file$/],
    ["/dev/zero", /not a regular file$/],
    [huge, /over 4 MiB$/],
    [folder.path, /not a regular file$/],
    [folder.file("none"), /^the authorities: ENOENT$/],
  ] as const) {
    await assert.rejects(
      createSpanExporter({ ...settings, caFile }, () => undefined),
      (error: unknown) => error instanceof ExporterFileError && problem.test(error.message),
      caFile,
    );
  }
});
