import assert from "node:assert/strict";
import { mock, test } from "node:test";
import type { CliContext } from "./context.ts";
import { keepRenewed } from "./keep-renewed.ts";

test("a renewal that fails is noted once, ends, and doesn't end the process", () => {
  mock.timers.enable({ apis: ["setInterval"] });
  try {
    let notes = "";
    const stderr = { write: (text: string) => (notes += text) };
    const context = { stderr, redact: (line: string) => line } as unknown as CliContext;
    let calls = 0;
    keepRenewed(context, "The assertion", 20_000, () => {
      if (++calls === 2) throw Object.assign(new Error("gone"), { code: "ENOENT" });
    });
    mock.timers.tick(60_000);
    assert.equal(calls, 2);
    assert.equal(notes, "countersign: note: The assertion isn't renewed any more (ENOENT).\n");
  } finally {
    mock.timers.reset();
  }
});
