#!/bin/sh
# Proves to a service that this machine holds a private key, with openssl and curl alone. Prints the proof, which an
# operator gives to: countersign key add <username> <public key file> --proof <proof>. It is good for 10 minutes.
set -eu

fail() {
  printf '%s\n' "$1" >&2
  exit 1
}
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

if [ $# -lt 3 ] || [ $# -gt 4 ]; then
  echo "usage: prove-key.sh <base url> <username> <private key file> [nonce]" >&2
  exit 2
fi
url=${1%/}
openssl rsa -in "$3" -passin pass: -noout 2>/dev/null || fail "$3 isn't a readable RSA private key in PEM."

# An operator can hand over a nonce, too: countersign key challenge <username>.
nonce=${4-$(curl --disable --silent --show-error --fail --max-time 10 --request POST "$url/api/auth/v0/key-challenges/" |
  sed -nE 's/.*"nonce": *"([A-Za-z0-9_-]+)".*/\1/p')}
[ -n "$nonce" ] || fail "$1 gave no nonce. Is the address right?"

header=$(printf '{"alg":"RS256","typ":"key-proof+jwt"}' | base64url)
claims=$(printf '{"aud":"%s","sub":"%s","nonce":"%s","iat":%s}' "$url" "$2" "$nonce" "$(date +%s)" | base64url)
signature=$(printf %s "$header.$claims" | openssl dgst -sha256 -sign "$3" -passin pass: | base64url)
printf '%s\n' "$header.$claims.$signature"
