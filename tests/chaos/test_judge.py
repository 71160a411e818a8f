"""The judge, given situations at rest that are made by hand: silent about a good one, and telling each that is not."""

from __future__ import annotations

import base64
import copy
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from chaos import reading
from chaos.judge import RULES, judge
from chaos.record import Answer, Clock, Final, Record, State, Wish

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaos.judge import Verdict
    from chaos.record import Object

NOW = 1_800_000_000.0
AT = "2027-01-15T08:00:00Z"
LATER = "2027-01-16T08:00:00Z"
SOONER = "2027-01-15T07:59:00Z"
UID = "11111111-2222"
KEY = ECKey.generate_key("P-256", auto_kid=True)
GROUP = reading.GROUP
TESTS = Path(__file__).parents[1]


def signed(uid: str = UID, revision: int = 2, key: ECKey = KEY) -> str:
    said = {
        "jti": f"{uid}.{revision}.random",
        "iat": int(NOW) - 100,
        "exp": int(NOW) + 1000,
        "scope": "api",
        GROUP: {"uid": uid, "revision": revision},
    }
    header = {"alg": "ES256", "kid": KEY.kid}
    return jws.serialize_compact(header, json.dumps(said).encode(), key, algorithms=["ES256"])


TOKEN, FORMER, STRAY = signed(), "former-opaque", "never-recorded"


def entry(token: str, revision: int, **fields: Any) -> Object:
    return {
        "id": f"{UID}.{revision}.random",
        "revision": revision,
        "keyID": KEY.kid if "." in token else "",
        "digest": reading.digest(token),
        "issuedAt": AT,
        "expiresAt": LATER,
        "rights": {"subject": "runner:a:b", "audiences": ["x"], "scopes": ["api"]},
        **fields,
    }


def resource() -> Object:
    return {
        "kind": "RunnerRegistration",
        "metadata": {
            "name": "b",
            "namespace": "a",
            "uid": UID,
            "generation": 3,
            "annotations": {f"{GROUP}/rotate": "now"},
        },
        "spec": {"type": "Instance", "scopes": ["api"], "token": {"lifetime": "24h"}},
        "status": {
            "uid": UID,
            "revision": 2,
            "observedGeneration": 3,
            "state": "Active",
            "lastRotateRequest": "now",
            "tokens": [entry(TOKEN, 2), entry(FORMER, 1, validUntil=SOONER)],
            "conditions": [{"type": "Ready", "status": "True", "reason": "Issued", "message": ""}],
        },
    }


def secret(name: str = "b-token", token: str = TOKEN) -> Object:
    labels = {
        "app.kubernetes.io/managed-by": "mintmaster",
        f"{GROUP}/uid": UID,
        f"{GROUP}/kind": "x",
    }
    owner = {"kind": "RunnerRegistration", "uid": UID, "controller": True}
    return {
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": "a",
            "labels": labels,
            "ownerReferences": [owner],
            "resourceVersion": "7",
        },
        "data": {"token": base64.b64encode(token.encode()).decode()},
    }


def answer(token: str, *, active: bool | None, status: int = 200) -> Answer:
    return Answer("gate-0", reading.digest(token), 1.0, 1.1, NOW, status, active)


def situation() -> Record:
    """A run after which everything is as it should be."""
    record = Record(1, Clock([(float("-inf"), 0.0)]), 20.0)
    record.tokens = {reading.digest(it): it for it in (TOKEN, FORMER, STRAY)}
    record.foreign = {"a/password": "3"}
    states = (["1"], ["1", "2"])
    record.states = [
        State(float(at), UID, "RunnerRegistration a/b", len(ids), {}, frozenset(ids))
        for at, ids in enumerate(states)
    ]
    record.wishes = [Wish(0.5, UID, "rotate", 1)]
    password = {
        "kind": "Secret",
        "metadata": {"name": "password", "namespace": "a", "resourceVersion": "3"},
    }
    keys = [{"id": KEY.kid, "publicJwk": KEY.as_dict(private=False)}]
    record.final = Final(
        world=NOW,
        resources=[resource()],
        secrets=[secret(), password],
        issuers=[{"kind": "TokenIssuer", "metadata": {"name": "i"}, "status": {"keys": keys}}],
        answers=[
            answer(TOKEN, active=True),
            answer(FORMER, active=False),
            answer(STRAY, active=False),
        ],
        writes=[],
    )
    return record


def broken(record: Record) -> list[Verdict]:
    return [verdict for verdict in judge(record) if not verdict.held]


def test_where_all_is_well_everything_holds() -> None:
    assert not broken(situation())


@dataclass
class Situation:
    """A run, and what is changed in it."""

    record: Record
    final: Final
    resource: Object
    secret: Object


CASES: dict[str, tuple[str, str, Callable[[Situation], object]]] = {
    "the Secret holds the token of before": (
        "one current token per live resource",
        "does not hold the newest",
        lambda here: here.secret.update(secret(token=FORMER)),
    ),
    "the Secret is gone": (
        "one current token per live resource",
        "is not there",
        lambda here: here.final.secrets.remove(here.secret),
    ),
    "a key was added by hand": (
        "one current token per live resource",
        "has the keys extra, too",
        lambda here: here.secret["data"].update(extra="eA=="),
    ),
    "the token of before is shown when its overlap is over": (
        "one current token per live resource",
        "whose overlap is over",
        lambda here: (
            here.resource["spec"].update(secret={"previousTokenKey": "previous"}),
            here.secret["data"].update(previous=base64.b64encode(FORMER.encode()).decode()),
        ),
    ),
    "somebody else signed the token": (
        "one current token per live resource",
        "does not verify",
        lambda here: (here.secret.update(secret(token=signed(key=ECKey.generate_key("P-256")))),),
    ),
    "the key is not published": (
        "one current token per live resource",
        "no published key",
        lambda here: here.final.issuers.clear(),
    ),
    "nothing is on record": (
        "one current token per live resource",
        "no token on record",
        lambda here: here.resource["status"].update(tokens=[]),
    ),
    "one revision was issued twice": (
        "one current token per live resource",
        "one revision twice",
        lambda here: here.resource["status"]["tokens"].append(
            entry(STRAY, 2, id="another", validUntil=SOONER)
        ),
    ),
    "an id was given twice": (
        "one current token per live resource",
        "is named twice",
        lambda here: here.resource["status"]["tokens"].append(
            entry(STRAY, 3, id=f"{UID}.1.random", validUntil=SOONER)
        ),
    ),
    "the current token has ended": (
        "one current token per live resource",
        "has ended",
        lambda here: here.resource["status"]["tokens"][0].update(expiresAt=SOONER),
    ),
    "a renewal is overdue": (
        "one current token per live resource",
        "the renewal is overdue",
        lambda here: here.resource["status"]["tokens"][0].update(issuedAt="2027-01-14T10:00:00Z"),
    ),
    "it took a Secret of somebody else": (
        "one current token per live resource",
        "although its Secret is somebody else's",
        lambda here: here.record.foreign.update({"a/b-token": "7"}),
    ),
    "an edit was not seen": (
        "what was asked for last is there",
        "last edit",
        lambda here: here.resource["metadata"].update(generation=4),
    ),
    "a rotation was not had": (
        "what was asked for last is there",
        "rotation",
        lambda here: here.resource["status"].update(lastRotateRequest="before"),
    ),
    "the scopes are others": (
        "what was asked for last is there",
        "scopes on record",
        lambda here: here.resource["spec"].update(scopes=["api", "jobs"]),
    ),
    "the lifetime is another": (
        "what was asked for last is there",
        "lives 86400 s",
        lambda here: here.resource["spec"].update(token={"lifetime": "10m"}),
    ),
    "the format is another": (
        "what was asked for last is there",
        "another format",
        lambda here: here.resource["spec"]["token"].update(format="Opaque"),
    ),
    "it is not ready": (
        "what was asked for last is there",
        "not ready: WriteFailed",
        lambda here: here.resource["status"].update(
            conditions=[
                {"type": "Ready", "status": "False", "reason": "WriteFailed", "message": ""}
            ]
        ),
    ),
    "a revoked one is active still": (
        "what was asked for last is there",
        "is revoked, and its status says Active",
        lambda here: here.resource["spec"].update(revoked=True),
    ),
    "a deletion hangs": (
        "what was asked for last is there",
        "being deleted still",
        lambda here: here.resource["metadata"].update(deletionTimestamp=AT),
    ),
    "a gate honours a token whose overlap is over": (
        "nothing active that should not be",
        "was never on record",
        lambda here: here.final.answers.append(answer(FORMER, active=True)),
    ),
    "a gate refuses the current token": (
        "nothing inactive that should be active",
        "inactive, which is on record",
        lambda here: here.final.answers.append(answer(TOKEN, active=False)),
    ),
    "a gate does not answer": (
        "nothing inactive that should be active",
        "does not answer at rest but says 503",
        lambda here: here.final.answers.append(answer(TOKEN, active=None, status=503)),
    ),
    "a Secret outlives its resource": (
        "no Secret without its owner",
        "belongs to nobody",
        lambda here: here.final.resources.clear(),
    ),
    "a Secret is without its owner": (
        "no Secret without its owner",
        "is controlled by []",
        lambda here: here.secret["metadata"].update(ownerReferences=[]),
    ),
    "a password was written": (
        "no Secret of others touched",
        "at version 3, now 4",
        lambda here: here.final.secrets[1]["metadata"].update(resourceVersion="4"),
    ),
    "a password was deleted": (
        "no Secret of others touched",
        "now None",
        lambda here: here.final.secrets.pop(),
    ),
    "there was an issue too many": (
        "as many issues as asked for",
        "had 2 issues, and reason for 1 by creation, 0 by wishes",
        lambda here: here.record.wishes.clear(),
    ),
    "something is written at rest": (
        "rest without writes",
        "written at rest: Secret a/b-token",
        lambda here: here.final.writes.append("Secret a/b-token"),
    ),
    "it never comes to rest": (
        "rest without writes",
        "still busy",
        lambda here: setattr(here.final, "unrest", "still busy"),
    ),
    "a token stands in an annotation": (
        "no token leaked, no defect logged",
        "stands in a resource",
        lambda here: here.resource["metadata"]["annotations"].update(note=FORMER),
    ),
    "a process met a defect": (
        "no token leaked, no defect logged",
        "Traceback",
        lambda here: here.record.complaints.append("operator says Traceback"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_told(case: str) -> None:
    invariant, sentence, change = CASES[case]
    record = situation()
    final = record.final
    assert final is not None
    change(Situation(record, final, final.resources[0], final.secrets[0]))

    told = {verdict.invariant: "; ".join(verdict.broken) for verdict in broken(record)}

    assert sentence in told[invariant]


def test_a_gate_that_refuses_the_asker_during_the_run_is_told() -> None:
    record = situation()
    record.answers = [answer(TOKEN, active=None, status=401)]

    assert [it.invariant for it in broken(record)] == ["no refusal for want of knowledge"]


def test_a_secret_that_the_rig_orphaned_may_stay() -> None:
    record = situation()
    assert record.final is not None
    record.final.resources.clear()
    record.final.secrets[0]["metadata"]["ownerReferences"] = []
    record.final.answers.clear()
    record.wishes.append(Wish(0.6, UID, "delete Orphan", 0))

    assert not broken(record)


def test_judging_changes_nothing() -> None:
    record = situation()
    before = copy.deepcopy(record)

    judge(record)

    assert record == before


def test_every_invariant_has_a_verdict() -> None:
    assert [it.invariant for it in judge(situation())] == list(RULES)


def test_the_judge_shares_no_code_with_the_product() -> None:
    script = (
        "import sys, chaos.judge; print([it for it in sys.modules if it.startswith('mintmaster')])"
    )

    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[]"
