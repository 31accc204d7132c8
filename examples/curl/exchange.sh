#!/bin/sh
# Signs an assertion with openssl and exchanges it for a token with curl. Prints the token.
set -eu

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
# The value of a string member; enough for this API's answers, where jq isn't at hand.
member() { printf %s "$body" | sed -nE 's/.*"'"$1"'": *"(([^"\\]|\\.)*)".*/\1/p' | sed 's/\\\(["\\]\)/\1/g'; }

if [ $# -lt 3 ] || [ $# -gt 4 ]; then
  echo "usage: exchange.sh <base url> <username> <private key file> [ttl]" >&2
  exit 2
fi
url=${1%/}/api/auth/v0/refresh/
username=$(printf %s "$2" | sed 's/["\\]/\\&/g')
ttl=${4-}

openssl rsa -in "$3" -passin pass: -noout 2>/dev/null || fail "$3 isn't a readable RSA private key in PEM."
header=$(printf '{"alg":"RS256","typ":"JWT"}' | base64url)
claims=$(printf '{"username":"%s","iat":%s}' "$username" "$(date +%s)" | base64url)
signature=$(printf %s "$header.$claims" | openssl dgst -sha256 -sign "$3" -passin pass: | base64url)

# The assertion is a credential: on curl's standard input, unlike on its command line, no other user can see it.
# --disable leaves ~/.curlrc out; without --location curl follows no redirect.
answer=$(
  printf 'header = "Authorization: JWT %s"\n' "$header.$claims.$signature" |
    curl --disable --config - --silent --globoff --proto =http,https --connect-timeout 5 --max-time 10 \
      --write-out '\n%{http_code} %{errormsg}' ${4+--get --data-urlencode "ttl=$ttl"} -- "$url"
) || fail "$1 can't be reached: $(printf %s "$answer" | sed -n '$s/^[0-9]* //p')"
body=$(printf %s "$answer" | sed '$d')
status=$(printf %s "$answer" | sed -n '$s/ .*//p')

token=$(member token)
code=$(member code)
if [ -n "$token" ]; then
  printf '%s\n' "$token"
elif [ -n "$code" ]; then
  hint=$(member hint)
  fail "$code: $(member message)" ${hint:+"Hint: $hint"}
else
  fail "$1 answered $status, but not as this API does. Is the address right?"
fi
