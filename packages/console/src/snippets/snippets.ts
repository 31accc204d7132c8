/**
 * Programs for one API user of one service: what the programs in examples/ do, without their handling of every mistake. Pure
 * functions of text, so that tests run what they make.
 */
import { REFRESH_PATH } from "@countersign/protocol";
import { t } from "../text/t.ts";
import { apiSnippet } from "./api-snippet.ts";
import { keyFileName } from "./key-file-name.ts";
import { oauthSnippet } from "./oauth-snippet.ts";
import { doubleQuoted, shell, singleQuoted } from "./quoting.ts";
import { sdkSnippet } from "./sdk-snippet.ts";
import type { Snippet, SnippetSubject } from "./snippet.ts";

/**
 * The programs in the order in which they are shown: the exchange in each language, and then the other ways.
 *
 * @param subject.publicUrl with or without slashes at its end
 */
export function makeSnippets({ publicUrl: givenUrl, username }: SnippetSubject): readonly Snippet[] {
  const publicUrl = givenUrl.replace(/\/+$/, "");
  const url = `${publicUrl}${REFRESH_PATH}`;
  const keyFile = keyFileName(username);
  return [
    {
      name: "curl",
      needs: t("user.needsCurl"),
      fileName: "exchange.sh",
      code: `base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

header=$(printf '{"alg":"RS256","typ":"JWT"}' | base64url)
claims=$(printf '{"username":"%s","iat":%s}' ${shell(username)} "$(date +%s)" | base64url)
signature=$(printf %s "$header.$claims" | openssl dgst -sha256 -sign ${shell(keyFile)} | base64url)

# The assertion is a credential: on standard input no other user of the machine sees it.
printf 'header = "Authorization: JWT %s"\\n' "$header.$claims.$signature" |
  curl --silent --show-error --config - ${shell(url)}
`,
    },
    {
      name: "JavaScript",
      needs: t("user.needsNode"),
      fileName: "exchange.mjs",
      code: `import { sign } from "node:crypto";
import { readFileSync } from "node:fs";

const encode = (part) => Buffer.from(JSON.stringify(part)).toString("base64url");
const claims = { username: ${doubleQuoted(username)}, iat: Date.now() / 1000 };
const input = \`\${encode({ alg: "RS256", typ: "JWT" })}.\${encode(claims)}\`;
const signature = sign("sha256", Buffer.from(input), readFileSync(${doubleQuoted(keyFile)}));

const response = await fetch(${doubleQuoted(url)}, {
  headers: { authorization: \`JWT \${input}.\${signature.toString("base64url")}\` },
});
const { meta, data } = await response.json();
if (!response.ok) throw new Error(\`\${meta.errors[0].code}: \${meta.errors[0].message}\`);
console.log(data.token);
`,
    },
    {
      name: "PHP",
      needs: t("user.needsPhp"),
      fileName: "exchange.php",
      code: `<?php
function base64url(string $bytes): string
{
    return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
}

$claims = ['username' => ${singleQuoted(username)}, 'iat' => time()];
$input = base64url('{"alg":"RS256","typ":"JWT"}') . '.' . base64url(json_encode($claims));
openssl_sign($input, $signature, file_get_contents(${singleQuoted(keyFile)}), OPENSSL_ALGO_SHA256);

$request = curl_init(${singleQuoted(url)});
curl_setopt_array($request, [
    CURLOPT_HTTPHEADER => ["Authorization: JWT $input." . base64url($signature)],
    CURLOPT_RETURNTRANSFER => true,
]);
$answer = json_decode(curl_exec($request), true);
echo $answer['data']['token'] ?? $answer['meta']['errors'][0]['message'], "\\n";
`,
    },
    {
      name: "Python",
      needs: t("user.needsPython"),
      fileName: "exchange.py",
      code: `import time
from pathlib import Path

import jwt
import requests

claims = {"username": ${doubleQuoted(username)}, "iat": time.time()}
assertion = jwt.encode(claims, Path(${doubleQuoted(keyFile)}).read_text(), algorithm="RS256")

response = requests.get(
    ${doubleQuoted(url)},
    headers={"Authorization": f"JWT {assertion}"},
    timeout=10,
)
answer = response.json()
if not response.ok:
    raise SystemExit(answer["meta"]["errors"][0]["message"])
print(answer["data"]["token"])
`,
    },
    {
      name: "Ruby",
      needs: t("user.needsRuby"),
      fileName: "exchange.rb",
      code: `require "json"
require "net/http"
require "openssl"

def base64url(bytes) = [bytes].pack("m0").tr("+/", "-_").delete("=")

claims = { username: ${singleQuoted(username)}, iat: Time.now.to_f }
input = [{ alg: "RS256", typ: "JWT" }, claims].map { |part| base64url(part.to_json) }.join(".")
key = OpenSSL::PKey::RSA.new(File.read(${singleQuoted(keyFile)}))
assertion = "#{input}.#{base64url(key.sign('SHA256', input))}"

response = Net::HTTP.get_response(URI(${singleQuoted(url)}), { "Authorization" => "JWT #{assertion}" })
answer = JSON.parse(response.body)
abort answer["meta"]["errors"][0]["message"] unless response.is_a?(Net::HTTPOK)
puts answer["data"]["token"]
`,
    },
    apiSnippet(publicUrl),
    sdkSnippet(publicUrl, username),
    oauthSnippet(publicUrl, username),
  ];
}
