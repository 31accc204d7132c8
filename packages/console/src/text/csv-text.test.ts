import assert from "node:assert/strict";
import { test } from "node:test";
import { csvText } from "./csv-text.ts";

test("CSV has a header, ends each record with CRLF and quotes what RFC 4180 says", () => {
  const items = [
    { name: 'a "b", c', keys: 2, networks: ["192.0.2.0/24", "::1"], at: null },
    { name: "two\nlines", keys: -1, networks: [], at: "2026-01-01T00:00:00Z" },
  ];
  assert.equal(
    csvText(items, ["name", "keys", "networks", "at"]),
    'name,keys,networks,at\r\n"a ""b"", c",2,192.0.2.0/24 ::1,\r\n"two\nlines",-1,,2026-01-01T00:00:00Z\r\n',
  );
});

test("a text that a spreadsheet would take for a formula begins with an apostrophe", () => {
  for (const text of ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"]) {
    assert.equal(csvText([{ label: text }], ["label"]), `label\r\n'${text}\r\n`);
  }
  assert.equal(csvText([{ label: "\r=1" }], ["label"]), 'label\r\n"\'\r=1"\r\n');
  assert.equal(csvText([{ label: '=HYPERLINK("x","y")' }], ["label"]), 'label\r\n"\'=HYPERLINK(""x"",""y"")"\r\n');
  assert.equal(csvText([{ labels: ["=1"] }], ["labels"]), "labels\r\n'=1\r\n");
});
