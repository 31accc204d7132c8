import assert from "node:assert/strict";
import { test } from "node:test";
import { createVerifier } from "./create-verifier.ts";
import { parseOptions, type VerifierOptions } from "./parse-options.ts";

const GOOD: VerifierOptions = { baseUrl: "https://auth.example.test", clientId: "rs-1", clientSecret: "csrs_secret" };

test("a base address is taken with its path and without the slash at its end", () => {
  for (const [value, baseUrl] of [
    ["https://auth.example.test", "https://auth.example.test"],
    ["https://auth.example.test/", "https://auth.example.test"],
    [" http://127.0.0.1:8080/auth// ", "http://127.0.0.1:8080/auth"],
    [new URL("https://auth.example.test/a/b/"), "https://auth.example.test/a/b"],
  ] as const) {
    const settings = parseOptions({ ...GOOD, baseUrl: value });
    assert.deepEqual([settings.service.baseUrl, settings.publicUrl], [baseUrl, baseUrl]);
  }
  const { publicUrl } = parseOptions({ ...GOOD, publicUrl: "https://public.example.test/" });
  assert.equal(publicUrl, "https://public.example.test");
});

test("an option that can't be is refused at once by its name, and its value isn't repeated", () => {
  const canary = "cAnArY";
  for (const [name, values] of Object.entries({
    baseUrl: [
      "",
      canary,
      `ftp://${canary}`,
      `https://${canary}@x.test`,
      `https://x.test/?${canary}`,
      `https://x.test/#${canary}`,
    ],
    publicUrl: [canary, `javascript:${canary}`, null],
    clientId: ["", undefined, 7, `${canary}\n`],
    clientSecret: ["", undefined, null, `${canary} `, `${canary}\r\n`, `${canary}ä`],
    cacheMax: [0, -1, 1.5, NaN, Infinity, "10", 1e7],
    timeoutMs: [0, 1e6, "2000"],
  })) {
    for (const value of values) {
      assert.throws(
        () => createVerifier({ ...GOOD, [name]: value }),
        (error: unknown) =>
          error instanceof TypeError && error.message.startsWith(`${name} `) && !error.message.includes(canary),
        `${name}: ${String(value)}`,
      );
    }
  }
  assert.throws(() => parseOptions({ ...GOOD, baseUrl: 7 as unknown as string }), /^TypeError: baseUrl isn't a URL/);
});
