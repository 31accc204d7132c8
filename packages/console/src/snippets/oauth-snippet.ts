import { OAUTH_TOKEN_PATH } from "@countersign/protocol";
import { t } from "../text/t.ts";
import { keyFileName } from "./key-file-name.ts";
import { shell } from "./quoting.ts";
import type { Snippet } from "./snippet.ts";

/**
 * Gets a token as any OAuth client does: client credentials (RFC 6749 §4.4) with `private_key_jwt` (RFC 7523 §2.2).
 *
 * @param publicUrl without a slash at its end
 */
export function oauthSnippet(publicUrl: string, username: string): Snippet {
  const url = shell(`${publicUrl}${OAUTH_TOKEN_PATH}`);
  const name = shell(username);
  return {
    name: "OAuth",
    needs: t("user.needsCurl"),
    fileName: "oauth.sh",
    code: `base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

# Each assertion works once: jti is a new random text, and exp a minute ahead.
header=$(printf '{"alg":"RS256","typ":"JWT"}' | base64url)
claims=$(printf '{"iss":"%s","sub":"%s","aud":"%s","exp":%s,"jti":"%s"}' \\
  ${name} ${name} ${url} "$(($(date +%s) + 60))" "$(openssl rand -hex 16)" | base64url)
signature=$(printf %s "$header.$claims" | openssl dgst -sha256 -sign ${shell(keyFileName(username))} | base64url)

# The assertion is a credential: on standard input no other user of the machine sees it.
printf 'data = "client_assertion=%s"\\n' "$header.$claims.$signature" |
  curl --silent --show-error --config - \\
    --data grant_type=client_credentials \\
    --data-urlencode client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer \\
    ${url}
`,
  };
}
