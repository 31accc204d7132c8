/** docs/wire-examples.md: every command is typed, and prints what the page shows. */
import { join } from "node:path";
import { test } from "node:test";
import { reservePort } from "../../packages/server/src/testing/reserve-port.ts";
import { followPage, READER_REQUIREMENT } from "../testkit/followed-page.ts";
import { findMissing, IS_CI } from "../testkit/requirements.ts";
import { temporaryFolder } from "../testkit/server.ts";

const PAGE = join(import.meta.dirname, "..", "..", "docs", "wire-examples.md");

const missing = await findMissing(READER_REQUIREMENT);

test("a reader who follows docs/wire-examples.md sees what it shows", {
  skip: missing === undefined || IS_CI ? false : missing,
}, async () => {
  const [port, adminPort] = await Promise.all([reservePort(), reservePort()]);
  await followPage(PAGE, temporaryFolder(), [
    [/countersign serve/g, `countersign serve --port ${port} --admin-port ${adminPort}`],
    [/127\.0\.0\.1:8080/g, `127.0.0.1:${port}`],
  ]);
});
