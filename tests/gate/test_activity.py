"""The decision table of I3, I5 and I8, row by row: what makes a recorded token inactive, and what does not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from gate.workbench import SCOPES, UID, Workbench
from mintmaster.lifecycle.activity import Inactivity, Presented, end, judge
from mintmaster.lifecycle.known import KnownToken
from reconcile.builders import grant

if TYPE_CHECKING:
    from mintmaster.lifecycle.known import KnownResource

BENCH = Workbench()
BENCH.issue()


def judged(
    *,
    presented: dict[str, Any] | None = None,
    resource: dict[str, Any] | None = None,
    token: dict[str, Any] | None = None,
    labels: dict[str, str] | None = None,
    **spec: Any,
) -> KnownToken | Inactivity:
    """The judgement about the workbench's token, with these changes."""
    BENCH.publish(**spec)
    record = msgspec.structs.replace(known().tokens[0], **(token or {}))
    stated = Presented(
        digest=known().tokens[0].digest,
        key_id=BENCH.key.kid,
        jti=f"{UID}.1.00",
        uid=UID,
        revision=1,
    )
    return judge(
        msgspec.structs.replace(stated, **(presented or {})),
        msgspec.structs.replace(known(), tokens=(record,), **(resource or {})),
        BENCH.process.knowledge.issuers["default"].view,
        labels or {},
    )


def known() -> KnownResource:
    found = BENCH.process.knowledge.resource(UID)
    assert found is not None
    return found


def test_the_record_is_found() -> None:
    assert judged() == known().tokens[0]


def test_without_a_resource_there_is_nothing() -> None:
    view = BENCH.process.knowledge.issuers["default"].view
    assert judge(Presented(digest=""), None, view, {}) is Inactivity.RESOURCE_UNKNOWN


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"resource": {"issuer": "other"}}, Inactivity.OTHER_ISSUER),
        ({"resource": {"deleted": True}}, Inactivity.DELETED),
        ({"resource": {"revoked": True}}, Inactivity.REVOKED),
        ({"presented": {"jti": "other"}}, Inactivity.NOT_RECORDED),
        ({"presented": {"jti": "other", "revision": 2}}, Inactivity.NOT_YET_RECORDED),
        ({"presented": {"digest": "other"}}, Inactivity.NOT_AS_RECORDED),
        ({"presented": {"key_id": "other"}}, Inactivity.NOT_AS_RECORDED),
        # A digest of a JWT says nothing about its signature, so it is no opaque token.
        ({"presented": {"jti": ""}}, Inactivity.NOT_RECORDED),
        ({"withdrawnKeys": [BENCH.key.kid]}, Inactivity.KEY_WITHDRAWN),
        ({"keys": []}, Inactivity.KEY_WITHDRAWN),
        ({"keys": [BENCH.key_record(state="Withdrawn")]}, Inactivity.KEY_WITHDRAWN),
        ({"notBefore": "2026-03-01T12:00:01Z"}, Inactivity.TOO_OLD),
        ({"resource": {"not_before": math.inf}}, Inactivity.TOO_OLD),
        ({"deniedSubjects": ["user:*"]}, Inactivity.NOT_GRANTED),
        ({"grants": []}, Inactivity.NOT_GRANTED),
        ({"grants": [grant("team", scopes=[])]}, Inactivity.NOT_GRANTED),
        ({"grants": [grant("elsewhere")]}, Inactivity.NOT_GRANTED),
        ({"grants": [grant("team", kinds=["RunnerRegistration"])]}, Inactivity.NOT_GRANTED),
        ({"grants": [grant("team", subjects=["user:eve@*"])]}, Inactivity.NOT_GRANTED),
        (
            {"audiences": ["https://moved.example.org"], "grants": [grant("team", audiences=[])]},
            Inactivity.NOT_GRANTED,
        ),
        (
            {"token": {"unlimited": True}, "grants": [grant("team", unlimited=False)]},
            Inactivity.NOT_GRANTED,
        ),
    ],
)
def test_what_makes_a_token_inactive(changes: dict[str, Any], why: Inactivity) -> None:
    assert judged(**changes) is why


@pytest.mark.parametrize(
    "changes",
    [
        {"notBefore": "2026-03-01T12:00:00Z"},
        {"limits": {"defaultLifetime": "10m", "maxLifetime": "10m"}},
        {"grants": [grant("elsewhere"), grant("te*", scopes=["read_api"])]},
        {"token": {"unlimited": True}},
        {"keys": [BENCH.key_record(state="Retired")]},
    ],
)
def test_what_does_not(changes: dict[str, Any]) -> None:
    assert isinstance(judged(**changes), KnownToken)


def test_a_grant_by_the_labels_of_the_namespace_holds_while_they_do() -> None:
    selected = grant("x") | {"namespaces": {"selector": {"matchLabels": {"team": "yes"}}}}
    assert isinstance(judged(grants=[selected], labels={"team": "yes"}), KnownToken)
    assert judged(grants=[selected], labels={"team": "no"}) is Inactivity.NOT_GRANTED
    assert judged(grants=[selected]) is Inactivity.NOT_GRANTED


def test_a_scope_that_the_issuer_knows_no_more_takes_the_token_along() -> None:
    rights = msgspec.structs.replace(known().tokens[0].rights, scopes=("gone",))
    assert "gone" not in SCOPES
    assert judged(token={"rights": rights}) is Inactivity.NOT_GRANTED


def test_a_token_ends_at_the_second_that_is_first() -> None:
    record = known().tokens[0]
    presented = Presented(digest="", expires_at=record.ends_at - 1)
    assert end(record, presented) == record.ends_at - 1
    assert end(record, Presented(digest="")) == record.ends_at
