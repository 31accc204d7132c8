#!/bin/sh
# Replaces an API user's private key file with a new key, with openssl and curl alone. Made for cron: it prints nothing
# unless it fails or the service warns, and it can be killed at any moment and run again.
#
# The new key is written beside the present one (<file>.next) before the service hears of it, and takes its place only
# after it got a token. The former key goes on working for a week.
set -eu
umask 077

fail() {
  printf '%s\n' "rotate-key.sh: $1" >&2
  shift
  [ $# -eq 0 ] || printf '%s\n' "$@" >&2
  exit 1
}
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
# A key's name, its RFC 7638 thumbprint. With it, the service finds the key among any number of a user's. The modulus
# stands in the PKCS#1 form of the public key: 9 bytes, the modulus, 2 bytes, the exponent.
thumbprint() {
  bytes=$(($(openssl rsa -in "$1" -passin pass: -noout -modulus | wc -c) / 2 - 4))
  n=$(openssl rsa -in "$1" -passin pass: -RSAPublicKey_out -outform DER 2>/dev/null | tail -c +10 | head -c "$bytes" | base64url)
  printf '{"e":"AQAB","kty":"RSA","n":"%s"}' "$n" | openssl dgst -sha256 -binary | base64url
}
# jws <private key file> <typ> <claims>: a compact JWS, RS256.
jws() {
  signed=$(printf '{"alg":"RS256","typ":"%s","kid":"%s"}' "$2" "$(thumbprint "$1")" | base64url).$(printf %s "$3" | base64url)
  printf %s "$signed.$(printf %s "$signed" | openssl dgst -sha256 -sign "$1" -passin pass: | base64url)"
}
# The value of a string member of the last answer; enough for this API's answers, where jq isn't at hand.
member() { printf %s "$body" | sed -nE 's/.*"'"$1"'": *"(([^"\\]|\\.)*)".*/\1/p' | sed 's/\\\(["\\]\)/\1/g'; }
# request <path> [curl's options]: sets body and status. Credentials go through curl's configuration on standard input,
# where other users of the machine can't see them, unlike on its command line. curl follows no redirect.
request() {
  path=$1
  shift
  answer=$(curl --disable --config - --silent --globoff --proto =http,https --connect-timeout 5 --max-time 20 \
    --write-out '\n%{http_code} %{errormsg}' "$@" -- "$url$path") || true
  body=$(printf %s "$answer" | sed '$d')
  status=$(printf %s "$answer" | sed -n '$s/ .*//p')
  problem=$(printf %s "$answer" | sed -n '$s/^[0-9]* //p')
}
# Gets a token by a private key; sets body and status.
token() {
  assertion=$(jws "$1" JWT "{\"username\":\"$username\",\"iat\":$(date +%s)}")
  request "/api/auth/v0/refresh/?ttl=900" <<END
header = "Authorization: JWT $assertion"
END
  [ "$status" = 200 ] && [ -n "$(member token)" ]
}
report() {
  code=$(member code)
  hint=$(member hint)
  [ -n "$code" ] || fail "$url can't be reached, or isn't this API: ${problem:-status $status}"
  fail "$code: $(member message)" ${hint:+"Hint: $hint"}
}

if [ $# -lt 3 ] || [ $# -gt 4 ]; then
  echo "usage: rotate-key.sh <base url> <username> <private key file> [bits]" >&2
  exit 2
fi
url=${1%/}
username=$(printf %s "$2" | sed 's/["\\]/\\&/g')
key=$3
next=$key.next
openssl rsa -in "$key" -passin pass: -noout 2>/dev/null || fail "$key isn't a readable RSA private key in PEM."

# One rotation at a time. A lock whose process is gone is one that was killed.
lock=$key.lock
if ! mkdir "$lock" 2>/dev/null; then
  owner=$(cat "$lock/pid" 2>/dev/null || true)
  if [ -z "$owner" ] || kill -0 "$owner" 2>/dev/null; then
    fail "another rotation of $key is running; if none is, remove $lock."
  fi
fi
trap 'rm -rf "$lock"' EXIT
trap 'exit 1' HUP INT TERM
echo $$ >"$lock/pid"

# A key that is there already is that of a rotation that was interrupted. It may be registered: it isn't made anew.
if [ ! -e "$next" ]; then
  openssl genpkey -algorithm RSA -pkeyopt "rsa_keygen_bits:${4:-3072}" -out "$next.part" 2>/dev/null ||
    fail "openssl can't make an RSA key of ${4:-3072} bits at $next."
  mv "$next.part" "$next"
fi

request /api/auth/v0/key-challenges/ --request POST </dev/null
nonce=$(member nonce)
[ -n "$nonce" ] || report
now=$(date +%s)
proof=$(jws "$next" key-proof+jwt "{\"aud\":\"$url\",\"sub\":\"$username\",\"nonce\":\"$nonce\",\"iat\":$now}")
assertion=$(jws "$key" JWT "{\"username\":\"$username\",\"iat\":$now,\"aud\":\"$url/api/auth/v0/keys/\"}")
public_key=$(openssl pkey -in "$next" -pubout -outform DER | openssl base64 -A)
request /api/auth/v0/keys/ <<END
header = "Authorization: JWT $assertion"
header = "Content-Type: application/json"
data = "{\"public_key\":\"$public_key\",\"proof\":\"$proof\"}"
END
registered=$status refusal=$body refusal_problem=$problem
warning=$([ "$status" != 201 ] || member message)

# Only a token by the new key says that it is registered: the answer may have been lost, now or in an earlier run. The
# service's other nodes hear of a new key a moment later, so the first attempt may fail.
for attempt in 1 2 3; do
  if token "$next"; then
    mv "$next" "$key"
    [ -z "$warning" ] || printf '%s\n' "rotate-key.sh: warning: $warning" >&2
    exit 0
  fi
  [ "$registered" = 201 ] || break
  sleep "$attempt"
done
if [ "$registered" != 201 ]; then
  body=$refusal status=$registered problem=$refusal_problem
fi
report
