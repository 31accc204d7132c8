import { CHECK_PATH } from "@countersign/protocol";
import { t } from "../text/t.ts";
import { keyFileName } from "./key-file-name.ts";
import { doubleQuoted } from "./quoting.ts";
import type { Snippet } from "./snippet.ts";

/** Calls an API with the SDK, which gets tokens and replaces them. @param publicUrl without a slash at its end */
export function sdkSnippet(publicUrl: string, username: string): Snippet {
  return {
    name: "SDK",
    needs: t("user.needsSdk"),
    fileName: "client.mjs",
    code: `import { readFileSync } from "node:fs";
import { createFetch, createTokenSource } from "@countersign/client";

// The address of the API. Here the service's own check stands in for it.
const api = process.env.API_URL ?? ${doubleQuoted(`${publicUrl}${CHECK_PATH}`)};

// One source for each API user and process: it keeps the token and replaces it before it expires.
const source = createTokenSource({
  baseUrl: ${doubleQuoted(publicUrl)},
  username: ${doubleQuoted(username)},
  privateKey: readFileSync(${doubleQuoted(keyFileName(username))}, "utf8"),
});
const send = createFetch(source, { origins: [new URL(api).origin] });

const response = await send(api);
console.log(response.status, await response.text());
`,
  };
}
