"""What GitLab says when it refuses, byte by byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gate.harness import Answer

UNAUTHORIZED = b'{"message":"401 Unauthorized"}'
FORBIDDEN = b'{"message":"403 Forbidden"}'
INSUFFICIENT = b'{"message":"403 Forbidden - Insufficient permissions"}'
NO_ACCESS = b'{"message":"403 Forbidden - No access granted"}'
NO_RUNNER = b'{"message":"404 Runner Not Found"}'
PROJECT = {"runner_type": "project_type", "project_id": 3}


def scope_error(scopes: str) -> bytes:
    return (
        b'{"error":"insufficient_scope","error_description":"The request requires higher privileges'
        b' than provided by the access token.","scope":"' + scopes.encode() + b'"}'
    )


def invalid_token(description: str) -> bytes:
    return b'{"error":"invalid_token","error_description":"' + description.encode() + b'"}'


EXPIRED = "Token is expired. You can either do re-authorization or token refresh."
REVOKED = "Token was revoked. You have to re-authorize from the user."


def told(answer: Answer) -> tuple[int, bytes]:
    assert answer.headers["Content-Type"] == "application/json"
    return answer.status, answer.body
