import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

test("a process waits for pauseAwake, although nothing else keeps it alive", () => {
  const script = `
    import { pauseAwake } from ${JSON.stringify(new URL("./pause.ts", import.meta.url).href)};
    await pauseAwake(1);
    console.log("after");
  `;
  const { status, stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  assert.deepEqual([status, stdout], [0, "after\n"]);
});
