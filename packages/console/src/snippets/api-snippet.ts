import { CHECK_PATH } from "@countersign/protocol";
import { t } from "../text/t.ts";
import { shell } from "./quoting.ts";
import type { Snippet } from "./snippet.ts";

/** Calls an API with a token, which the program for curl gets. @param publicUrl without a slash at its end */
export function apiSnippet(publicUrl: string): Snippet {
  return {
    name: "API",
    needs: t("user.needsExchange"),
    fileName: "call-api.sh",
    code: `# The address of the API. Here the service's own check stands in for it.
api=\${API_URL:-${shell(`${publicUrl}${CHECK_PATH}`)}}

token=$(sh exchange.sh | sed -n 's/.*"token":"\\([^"]*\\)".*/\\1/p')

# The token is a credential: on standard input no other user of the machine sees it.
printf 'header = "Authorization: Token %s"\\n' "$token" |
  curl --silent --show-error --include --config - "$api"
`,
  };
}
