#!/usr/bin/python3
"""Signs an assertion with PyJWT and exchanges it for a token with requests. Prints the token. Python 3.10 or newer."""

import sys
import time
from pathlib import Path

try:
    import jwt
    import requests
except ImportError as error:
    sys.exit(f"Python's module {error.name} is missing; examples/README.md names the packages.")


def authorize(request, assertion):
    request.headers["Authorization"] = f"JWT {assertion}"
    return request


def main(base_url, username, key_file, ttl=None):
    try:
        private_key = Path(key_file).read_text(encoding="ascii")
        assertion = jwt.encode({"username": username, "iat": time.time()}, private_key, algorithm="RS256")
    except Exception:  # The file system, PyJWT and cryptography have no error in common.
        sys.exit(f"{key_file} isn't a readable RSA private key in PEM.")

    try:
        response = requests.get(
            f"{base_url.rstrip('/')}/api/auth/v0/refresh/",
            params={"ttl": ttl},  # left out where it is None
            # As auth, not as a header: requests would replace the header where ~/.netrc has an entry for the host.
            auth=lambda request: authorize(request, assertion),
            allow_redirects=False,
            timeout=(5, 10),
        )
    except requests.RequestException as error:
        sys.exit(f"{base_url} can't be reached: {type(error).__name__}")

    try:
        answer = response.json()
    except requests.JSONDecodeError:
        answer = None
    match answer:
        case {"data": {"token": str(token)}}:
            print(token)
        case {"meta": {"errors": [{"code": code, "message": message, **more}, *_]}}:
            sys.exit(f"{code}: {message}" + (f"\nHint: {more['hint']}" if "hint" in more else ""))
        case _:
            sys.exit(f"{base_url} answered {response.status_code}, but not as this API does. Is the address right?")


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        print("usage: exchange.py <base url> <username> <private key file> [ttl]", file=sys.stderr)
        sys.exit(2)
    main(*sys.argv[1:])
