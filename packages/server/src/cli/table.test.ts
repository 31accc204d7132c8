import assert from "node:assert/strict";
import { test } from "node:test";
import { formatTable } from "./table.ts";

test("columns line up on a terminal, whatever is written in them, and no line ends with blanks", () => {
  const rows = [
    ["alice", "ok", ""],
    ["日本", "wide", "x"],
    ["𠮷", "wide", "x"],
    ["e\u0301", "combined", "x"],
    ["👩‍👩‍👧 🇩🇪", "emoji", "x"],
    ["\u001B[31mred\u001B[0m", "coloured", "x"],
  ];
  assert.equal(
    formatTable(["name", "what", "x"], rows),
    [
      "NAME   WHAT      X",
      "alice  ok",
      "日本   wide      x",
      "𠮷     wide      x",
      "e\u0301      combined  x",
      "👩‍👩‍👧 🇩🇪  emoji     x",
      "\u001B[31mred\u001B[0m    coloured  x",
    ].join("\n"),
  );
});

test("a table has as many rows as there are", () => {
  const rows = Array.from({ length: 200_000 }, () => ["x"]);
  assert.equal(formatTable(["name"], rows).length, "NAME".length + 200_000 * "\nx".length);
});
