import assert from "node:assert/strict";
import { test } from "node:test";
import { type CliContext, note } from "./context.ts";

test("a note is one line without control characters, whatever a machine calls itself", () => {
  let text = "";
  const stderr = { write: (piece: string) => (text += piece) };
  note({ stderr, redact: (line: string) => line } as unknown as CliContext, "Waiting for node\u001b[31m\n\u202ea.");
  assert.equal(text, "countersign: note: Waiting for node?[31m??a.\n");
});
