import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Refusal } from "../../core/refusal.ts";
import { csvField, csvLine, withoutGuard } from "../../core/bulk/csv-text.ts";
import type { RowFormat } from "../../core/bulk/import-row.ts";
import { type FileRow, readRows } from "./read-rows.ts";

/** Reads a text in pieces of a few bytes, so that characters, fields and lines are cut anywhere. */
async function read(text: string | Buffer, format: RowFormat = "csv", pieceBytes = 7) {
  const bytes = Buffer.from(text);
  const pieces = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, index) =>
    bytes.subarray(index * pieceBytes, (index + 1) * pieceBytes),
  );
  const rows: FileRow[] = [];
  for await (const row of readRows(Readable.from(pieces) as AsyncIterable<Buffer>, format)) rows.push(row);
  return rows;
}

const values = async (text: string) => (await read(text)).map((row) => ({ ...row.values }));

describe("rows in CSV", () => {
  test("are read with quotes, newlines in fields, blank lines, CRLF and a byte order mark", async () => {
    const rows = await read('\ufeffName,label\r\na,"x ""y"", z"\r\n\r\nb,"two\nlines é"\r\nc,\r\n', "csv", 64);
    assert.deepEqual(rows, [
      { line: 2, values: { name: "a", label: 'x "y", z' } },
      { line: 3, values: { name: "b", label: "two\nlines é" } },
      { line: 6, values: { name: "c", label: "" } },
    ]);
  });

  test("are read with a semicolon or a tab as the separator", async () => {
    assert.deepEqual(await values("name;label\na;x,y\n"), [{ name: "a", label: "x,y" }]);
    assert.deepEqual(await values("name\tlabel\na\tx;y\n"), [{ name: "a", label: "x;y" }]);
  });

  test("without a header that names known columns once are refused", async () => {
    await assert.rejects(read(""), { message: "The file is empty; its first line must name the columns." });
    await assert.rejects(read("name,e-mail\n"), {
      message: /^The header names columns that don't exist: e-mail\. These do: account, name,/,
    });
    await assert.rejects(read("name,name\n"), { message: "The header names the column name twice." });
    await assert.rejects(read("account\n"), { message: "The header has no column name." });
  });

  test("with too many or too few fields are bad rows, and the next one is read", async () => {
    const rows = await read("name,label\na\nb,x,y\nc,z\n");
    assert.deepEqual(
      rows.map(({ line, problem }) => [line, problem?.message]),
      [
        [2, "The row has 1 fields, and the header 2."],
        [3, "The row has 3 fields, and the header 2."],
        [4, undefined],
      ],
    );
  });

  test("that can't be read end the reading with their line", async () => {
    await assert.rejects(read('name,label\na,x\nb,"open\n'), {
      message: "Row 2, on line 3 or before, isn't CSV: a quoted field isn't closed.",
    });
    await assert.rejects(read('name,label\na,"x"y\n'), { message: /^Row 1, on line 2 or before, isn't CSV: / });
    await assert.rejects(read(Buffer.from("name,label\na,x\nb,\xff\n", "latin1")), { message: "Line 3 isn't UTF-8." });
    await assert.rejects(read(`name,label\na,${"x".repeat(1_100_000)}\n`, "csv", 65_536), {
      message: "The row on line 2 has over 1048576 bytes.",
    });
    await assert.rejects(read(Buffer.from("\ufeffname\n", "utf16le")), { message: /UTF-16/ });
  });
});

describe("rows in JSON lines", () => {
  test("are read with any values, blank lines and a byte order mark", async () => {
    const rows = await read(
      '\ufeff{"name":"é","networks":["192.0.2.0/24"]}\n\n{"name":"b","may_rotate":true}',
      "jsonl",
    );
    assert.deepEqual(rows, [
      { line: 1, values: { name: "é", networks: ["192.0.2.0/24"] } },
      { line: 3, values: { name: "b", may_rotate: true } },
    ]);
  });

  test("that aren't objects with known members are bad rows", async () => {
    const lines = ["{", "[]", "null", '{"name":"a","name":"b"}', '{"nome":"a"}', '{"name":"ok"}'];
    const rows = await read(lines.join("\n"), "jsonl");
    const problems = rows.map(({ problem }) => problem?.message.replace(/;.*/, ""));
    const object = "The line isn't an object.";
    const expected = [
      "The line isn't JSON: column 2: the text ends, and a } is missing.",
      object,
      object,
      "The object has a member twice.",
      "nome isn't a member of a row",
      undefined,
    ];
    assert.deepEqual(problems, expected);
    assert.ok(rows[0]?.problem instanceof Refusal);
  });

  test("that aren't UTF-8 or too long end the reading with their line", async () => {
    await assert.rejects(read(Buffer.from('{"name":"a"}\n{"name":"\xff"}\n', "latin1"), "jsonl"), {
      message: "Line 2 isn't UTF-8.",
    });
    await assert.rejects(read(`\n${"x".repeat(1_100_000)}`, "jsonl", 65_536), {
      message: "The row on line 2 has over 1048576 bytes.",
    });
  });
});

describe("a field of CSV", () => {
  test("never begins with what a spreadsheet runs as a formula", () => {
    for (const text of ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "'=1", "''-x"]) assert.match(csvField(text), /^"?'/);
    assert.equal(csvField("plain text"), "plain text");
    assert.equal(csvField("it's 1-1=0"), "it's 1-1=0");
  });

  test("is read as what was written, whatever it is", async () => {
    const field = fc.string({ unit: fc.constantFrom("a", "'", "=", "-", '"', ",", ";", "\n", "\r", "\t", "é", " ") });
    await fc.assert(
      fc.asyncProperty(field, fc.integer({ min: 1, max: 9 }), async (text, pieceBytes) => {
        assert.equal(
          withoutGuard(csvField(text).replace(/^"([^]*)"$/, (_, quoted: string) => quoted.replaceAll('""', '"'))),
          text,
        );
        const rows = await read(csvLine(["name", "label"]) + csvLine(["a", text]), "csv", pieceBytes);
        assert.deepEqual({ ...rows[0]?.values }, { name: "a", label: text });
      }),
    );
  });
});
