"""A runner, run in a pod: shows its mounted token to a gate, again and again, and prints what the gate said of it.

    python3 presenter.py URL TOKEN-FILE CA-FILE

A line of JSON for each time: the first characters of the token's digest, and the status of the answer. It imports
nothing of ours, as a runner does not.
"""

import hashlib
import json
import ssl
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

PAUSE_SECONDS = 0.3
REQUEST_SECONDS = 10.0


def present(url: str, token: str, trust: ssl.SSLContext) -> int:
    """Ask on a connection of its own, so that the Service chooses a gate each time; 0 if none answered."""
    body = json.dumps({"token": token}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=REQUEST_SECONDS, context=trust) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        return refusal.code
    except OSError:
        return 0


def main(url: str, token_file: str, authority: str) -> None:
    """Go on until somebody ends it."""
    trust = ssl.create_default_context(cafile=authority)
    while True:
        token = Path(token_file).read_text()
        digest = hashlib.sha256(token.encode()).hexdigest()[:12]
        said = {"token": digest, "status": present(url, token, trust)}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
