"""The walk from a resource to its key: every way in which it can be wrong is said, with what to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mintmaster.api import decoding
from mintmaster.api.kinds import RUNNER_REGISTRATION, TOKEN_ISSUER
from mintmaster.api.meta import ObjectMeta
from mintmaster.cli.findings import Level
from mintmaster.cli.leader import Lease, judged
from mintmaster.cli.walk import Gathered, Unknown, walk
from mintmaster.lifecycle import secret_content
from mintmaster.lifecycle.secret_view import Reading, view_of
from mintmaster.tokens import opaque
from mintmaster.tokens.digests import digest
from mintmaster.tokens.keys import SigningKey
from reconcile.builders import issuer, runner

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
UID = "6f0e7c1a-0000-4000-8000-000000000001"
TOKEN = opaque.mint()
KEY = SigningKey.generate()

Object = dict[str, Any]


def at(**distance: float) -> str:
    return (NOW + timedelta(**distance)).isoformat()


def condition(type_: str, status: str, reason: str) -> Object:
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": f"The message of {reason}.",
        "lastTransitionTime": at(hours=-1),
        "observedGeneration": 1,
    }


def a_runner() -> Object:
    """A runner with a token in its Secret, an hour old."""
    record = {
        "id": f"{UID}.1.00",
        "revision": 1,
        "keyID": "",
        "digest": digest(TOKEN),
        "issuedAt": at(hours=-1),
        "expiresAt": at(hours=5),
        "rights": {"subject": "runner:team:build"},
    }
    body = runner("build")
    body["metadata"] |= {"namespace": "team", "uid": UID, "generation": 1}
    body["status"] = {
        "uid": UID,
        "observedGeneration": 1,
        "revision": 1,
        "renewAt": at(hours=3),
        "tokens": [record],
        "conditions": [condition("Ready", "True", "Issued")],
    }
    return body


def an_issuer() -> Object:
    """An issuer whose one key signs."""
    body = issuer("default", "team")
    key = {"id": KEY.kid, "algorithm": "ES256", "state": "Active", "publicJwk": KEY.public.jwk()}
    body["status"] = {"keys": [key], "conditions": [condition("Ready", "True", "KeysPublished")]}
    return body


def gathered(
    resource: Object | None = None,
    by: Object | None = None,
    data: dict[str, bytes] | None = None,
) -> Gathered:
    found = decoding.decode(RUNNER_REGISTRATION, resource or a_runner())
    labels = secret_content.own_labels(RUNNER_REGISTRATION.kind, found)
    data = {"token": TOKEN.encode()} if data is None else data
    view = view_of(ObjectMeta(name="build-token", labels=labels), data)
    return Gathered(
        kind=RUNNER_REGISTRATION.kind,
        resource=found,
        issuer=decoding.decode(TOKEN_ISSUER, by or an_issuer()),
        reading=Reading(view, data),
        now=NOW,
    )


def problems(found: Gathered) -> list[str]:
    said = [finding for finding in walk(found) if finding.level is Level.PROBLEM]
    assert all(finding.action for finding in said), "each problem says what to do"
    return [f"{finding.subject}: {finding.text}" for finding in said]


def notes(found: Gathered) -> list[str]:
    return [finding.text for finding in walk(found) if finding.level is Level.NOTE]


def changed(body: Object, **parts: Object) -> Object:
    return body | {name: body[name] | part for name, part in parts.items()}


def signed(body: Object, **fields: str) -> Object:
    """The same runner, whose token a key has signed."""
    record = body["status"]["tokens"][0] | {"keyID": KEY.kid} | fields
    return changed(body, status={"tokens": [record]})


def test_nothing_is_wrong_with_what_works() -> None:
    assert problems(gathered()) == []
    assert notes(gathered()) == []


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        ("status", {"uid": "another"}, "resource: its status is of another life"),
        ("metadata", {"generation": 2}, "resource: the operator has not acted on its last edit"),
        (
            "status",
            {"conditions": [condition("Ready", "False", "NotGranted")]},
            "resource: Ready=False (NotGranted): The message of NotGranted.",
        ),
        (
            "status",
            {"conditions": [condition("RenewalFailing", "True", "TooManyIssues")]},
            "renewal: RenewalFailing=True (TooManyIssues): The message of TooManyIssues.",
        ),
        (
            "status",
            {"conditions": [condition("RestartsSucceeded", "False", "WriteFailed")]},
            "restarts: The message of WriteFailed.",
        ),
        ("status", {"renewAt": at(hours=-1)}, "token revision 1: its renewal is overdue for 60m"),
    ],
)
def test_what_is_wrong_with_a_resource_is_said(part: str, change: Object, said: str) -> None:
    found = problems(gathered(changed(a_runner(), **{part: change})))

    assert [text for text in found if text.startswith(said)], found


@pytest.mark.parametrize(
    ("field", "said"), [("expiresAt", "expired"), ("validUntil", "void since")]
)
def test_a_token_whose_time_is_over_is_said_to_be_so(field: str, said: str) -> None:
    body = a_runner()
    body["status"]["tokens"][0][field] = at(minutes=-5)

    assert problems(gathered(body)) == [f"token revision 1: {said} 2026-03-01T11:55:00Z (5m ago)"]


def test_the_ends_of_a_life_are_no_problems() -> None:
    deleted = changed(a_runner(), metadata={"deletionTimestamp": at()})
    assert notes(gathered(deleted)) == ["it is being deleted; its tokens are inactive"]
    revoked = changed(a_runner(), spec={"revoked": True})
    assert notes(gathered(revoked)) == [
        "revoked: its tokens are inactive; its Secret is about to go"
    ]
    settled = changed(revoked, status={"conditions": [condition("Revoked", "True", "Revoked")]})
    assert [it.text for it in walk(gathered(settled))] == [
        "revoked: its tokens are inactive, for good"
    ]
    suspended = changed(a_runner(), spec={"suspend": True})
    assert notes(gathered(suspended)) == ["suspended: nothing new is issued"]
    assert problems(gathered(suspended)) == []


def test_what_lies_in_the_secret_is_compared_with_the_record() -> None:
    missing = replace(gathered(), reading=None)
    assert problems(missing) == ["secret build-token: it is missing"]
    edited = gathered(data={"token": opaque.mint().encode()})
    assert problems(edited) == [
        "secret build-token: what lies under 'token' is not the current token"
    ]
    foreign = view_of(ObjectMeta(name="build-token"), {})
    assert problems(replace(gathered(), reading=Reading(foreign, {}))) == [
        "secret build-token: it belongs to somebody else"
    ]


def test_a_signature_that_does_not_hold_is_found() -> None:
    assert problems(gathered(signed(a_runner()))) == [
        "secret build-token: the signature of what lies under 'token' does not hold"
    ]


def test_a_key_that_counts_no_longer_is_found() -> None:
    unknown = signed(a_runner(), keyID="another")
    assert "key: another signed the token and counts no longer" in problems(gathered(unknown))
    withdrawn = changed(an_issuer(), spec={"withdrawnKeys": [KEY.kid]})
    said = problems(gathered(signed(a_runner()), by=withdrawn))
    assert f"key: {KEY.kid} signed the token and counts no longer" in said


def test_an_issuer_that_cannot_mint_is_found() -> None:
    assert problems(replace(gathered(), issuer=None)) == [
        "issuer default: there is none of this name"
    ]
    lost = changed(an_issuer(), status={"conditions": [condition("Ready", "False", "KeysLost")]})
    assert problems(gathered(by=lost)) == [
        "issuer default: Ready=False (KeysLost): The message of KeysLost."
    ]
    unseen = an_issuer() | {"status": {}}
    assert problems(gathered(by=unseen)) == [
        "issuer default: no operator has seen it yet",
        "issuer default keys: no key signs",
    ]


def test_what_may_not_be_read_is_not_called_wrong() -> None:
    blind = replace(gathered(), issuer=Unknown.FORBIDDEN, reading=Unknown.FORBIDDEN)

    assert problems(blind) == []
    assert len(notes(blind)) == 2


@pytest.mark.parametrize(
    ("lease", "level", "said"),
    [
        (Lease("one", NOW - timedelta(seconds=2), timedelta(seconds=15)), Level.OK, "one leads"),
        (Lease("one", NOW - timedelta(hours=1), timedelta(seconds=15)), Level.PROBLEM, "60m ago"),
        (Lease("one", None, timedelta(seconds=15)), Level.PROBLEM, "never"),
        (Lease("", NOW, timedelta(seconds=15)), Level.PROBLEM, "given its Lease away"),
    ],
)
def test_whether_an_operator_leads_is_read_from_its_lease(
    lease: Lease, level: Level, said: str
) -> None:
    finding = judged(lease, NOW)

    assert finding.level is level
    assert said in finding.text
