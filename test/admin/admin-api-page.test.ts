/** docs/admin-api.md: its story is typed, and prints what the page shows. */
import { join } from "node:path";
import { test } from "node:test";
import { reservePort } from "../../packages/server/src/testing/reserve-port.ts";
import { followPage } from "../testkit/followed-page.ts";
import { IS_CI } from "../testkit/requirements.ts";
import { temporaryFolder } from "../testkit/server.ts";

const PAGE = join(import.meta.dirname, "..", "..", "docs", "admin-api.md");

test("a reader who follows docs/admin-api.md sees what it shows", {
  skip: !IS_CI && "it needs curl, openssl and bash: CI runs it",
}, async () => {
  const [port, adminPort] = await Promise.all([reservePort(), reservePort()]);
  await followPage(PAGE, temporaryFolder(), [
    [/countersign serve/g, `countersign serve --port ${port} --admin-port ${adminPort}`],
    [/127\.0\.0\.1:8080/g, `127.0.0.1:${port}`],
    [/127\.0\.0\.1:8081/g, `127.0.0.1:${adminPort}`],
  ]);
});
