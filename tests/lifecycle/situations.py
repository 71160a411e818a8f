"""Lives in every situation that a resource can come to; tests of the status go through all of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lifecycle.build import (
    HOUR,
    KEY_ID,
    MINUTE,
    NOW,
    application,
    decided,
    for_caller,
    gate_issuer,
    granting,
    having,
    issuer,
    issuing,
    meta,
    rotation,
    user_token,
    wanting_approval,
)
from lifecycle.simulation import Life, StoredSecret, settled
from mintmaster.api.reasons import Reason
from mintmaster.api.token_issuer import Signer
from mintmaster.api.token_spec import DeletionPolicy, Format, RestartTarget, WorkloadKind
from mintmaster.lifecycle.issuer_view import Obstacle

if TYPE_CHECKING:
    from collections.abc import Callable

    from lifecycle.build import Modifier

DAY = 24 * HOUR
RESTART = having("restart", (RestartTarget(kind=WorkloadKind.DEPLOYMENT, name="web"),))
LARGE = {"x": "a" * 65_400 + "{{ token }}" * 4}
"""Accepted while nothing is filled in, and too large with any token."""


def _caller(lifetime: str | None = "24h") -> Life:
    return Life(user_token(for_caller(), having("token.lifetime", lifetime)))


def _unlimited() -> Life:
    return _caller(None).alter_issuer(granting(unlimited=True))


def _deleted_secret() -> Life:
    life = settled()
    life.secret = None
    return life


def _due(life: Life) -> Life:
    assert life.status.renew_at is not None
    life.now = life.status.renew_at
    return life


def _broken(reason: Reason) -> Obstacle:
    return Obstacle(reason, "The issuer can't mint.")


def _issuer_broken(life: Life, reason: Reason) -> Life:
    return life.alter_issuer(lambda view: replace(view, obstacle=_broken(reason)))


def _drifting(times: int = 10) -> Life:
    life = settled(having("token.overlap", "0s"))
    for _ in range(times):
        life.secret = None
        life.settle()
    life.secret = None
    return life


def _full() -> Life:
    life = settled(having("token.overlap", "12h"))
    for number in range(5):
        life.change(rotation(str(number))).settle()
    life.secret = None
    return life


def _foreign(life: Life) -> Life:
    life.secret = StoredSecret({"password": b"precious"})
    return life


def _relabelled() -> Life:
    life = settled()
    life.stored.labels.clear()
    return life


def _superseded_shown() -> Life:
    life = settled(having("secret.previous_token_key", "previous"))
    return life.change(rotation("1")).settle().wait(5 * MINUTE)


def _taken(life: Life) -> Life:
    life.digest_taken = True
    return life


def _portal(*modifiers: Modifier) -> Life:
    return Life(application(*modifiers), gate_issuer()).settle()


def _named_twice(life: Life) -> Life:
    life.client_id_taken = True
    return life


def _named_once_more() -> Life:
    life = _named_twice(Life(application(), gate_issuer())).settle()
    life.client_id_taken = False
    return life


def _skewed(life: Life) -> Life:
    life.clock_trusted = False
    return life


def _orphan_without_issuer(life: Life) -> Life:
    life.issuer = None
    return life


SITUATIONS: dict[str, Callable[[], Life]] = {
    "new": Life,
    "settled": settled,
    "renewal due": lambda: _due(settled()),
    "expired while nobody looked": lambda: settled().wait(31 * DAY),
    "rotation asked for": lambda: settled().change(rotation("1")),
    "more rights asked for": lambda: settled().change(having("scopes", ("admin", "read", "write"))),
    "fewer rights asked for": lambda: settled().change(having("scopes", ("read",))),
    "description edited": lambda: settled().change(having("description", "x")),
    "token key renamed": lambda: settled().change(having("secret.token_key", "t")),
    "template added": lambda: settled().change(
        having("secret.template.data", {"x": "{{ token | json }}"})
    ),
    "labels added": lambda: settled().change(having("secret.template.labels", {"tier": "web"})),
    "Opaque asked for": lambda: settled().change(having("token.format", Format.OPAQUE)),
    "Secret deleted": _deleted_secret,
    "Secret relabelled": _relabelled,
    "previous token shown too long": _superseded_shown,
    "orphan": lambda: settled().change(having("secret.deletion_policy", DeletionPolicy.ORPHAN)),
    "key withdrawn": lambda: settled().alter_issuer(
        issuing("withdrawn_keys", (KEY_ID,)), lambda view: replace(view, signing_key_id="key-2")
    ),
    "restarts": lambda: settled(RESTART).change(rotation("1")),
    "recreated": lambda: Life(settled().change(meta("uid", "new")).resource),
    "recreated too soon": lambda: settled().change(meta("uid", "new")),
    "revoked": lambda: settled().change(having("revoked", True)),
    "revoked at birth": lambda: Life(user_token(having("revoked", True))),
    "suspended": lambda: settled().change(having("suspend", True)),
    "suspended at birth": lambda: Life(user_token(having("suspend", True))),
    "suspended and expired": lambda: (
        settled(having("suspend", False)).change(having("suspend", True)).wait(31 * DAY)
    ),
    "suspended, due and narrowed": lambda: _due(settled()).change(
        having("suspend", True), having("scopes", ("read",))
    ),
    "no issuer": lambda: Life(issuer=None),
    "issuer deleted": lambda: _orphan_without_issuer(settled()),
    "issuer deleted and token expired": lambda: _orphan_without_issuer(settled().wait(31 * DAY)),
    "signer mismatch": lambda: Life(issuer=issuer(issuing("signer", Signer.GATE))),
    "keys lost at birth": lambda: _issuer_broken(Life(), Reason.KEYS_LOST),
    "keys lost": lambda: _issuer_broken(settled(), Reason.KEYS_LOST),
    "keys lost and renewal due": lambda: _issuer_broken(_due(settled()), Reason.KEYS_LOST),
    "issuer in conflict": lambda: _issuer_broken(Life(), Reason.ISSUER_CONFLICT),
    "issuer not ready": lambda: _issuer_broken(Life(), Reason.ISSUER_NOT_READY),
    "notBefore to come": lambda: Life(issuer=issuer(issuing("not_before", NOW + HOUR))),
    "notBefore to come for a token": lambda: settled().alter_issuer(
        issuing("not_before", NOW + HOUR)
    ),
    "scope unknown": lambda: settled().change(having("scopes", ("fly",))),
    "role unknown": lambda: Life(user_token(having("roles", ("King",)))),
    "not granted": lambda: Life(issuer=issuer(issuing("grants", ()))),
    "grant taken back": lambda: settled().alter_issuer(issuing("grants", ())),
    "lifetime too long": lambda: settled().change(having("token.lifetime", "9000h")),
    "schedule invalid": lambda: settled().change(having("token.overlap", "720h")),
    "template invalid": lambda: settled().change(having("secret.template.data", {"x": "{{ y }}"})),
    "template too large": lambda: settled().change(having("secret.template.data", LARGE)),
    "template invalid and expired": lambda: (
        settled().change(having("secret.template.data", {"x": "{{ y }}"})).wait(31 * DAY)
    ),
    "awaiting approval": lambda: Life(issuer=issuer(wanting_approval)),
    "approved": lambda: Life(issuer=issuer(wanting_approval)).settle().change(decided("True")),
    "denied": lambda: Life(issuer=issuer(wanting_approval)).settle().change(decided("False")),
    "denied meanwhile": lambda: (
        Life(issuer=issuer(wanting_approval))
        .settle()
        .change(decided("True"))
        .settle()
        .change(decided("False"))
    ),
    "approval outdated": lambda: (
        Life(issuer=issuer(wanting_approval))
        .settle()
        .change(decided("True"))
        .settle()
        .change(having("scopes", ("admin",)))
    ),
    "Secret of somebody else": lambda: _foreign(Life()),
    "Secret replaced by somebody else's": lambda: _foreign(settled()),
    "clock off": lambda: _skewed(Life()),
    "clock off and renewal due": lambda: _skewed(_due(settled())),
    "budget spent": _drifting,
    "too many tokens": _full,
    "six tokens and narrowed": lambda: _full().change(having("scopes", ("read",))),
    "caller without a digest": lambda: Life(
        user_token(for_caller(None), having("token.lifetime", "24h"))
    ),
    "caller": _caller,
    "caller without end": _unlimited,
    "caller's token replaced": lambda: (
        _caller().settle().change(having("token.value_digest", "B" * 43))
    ),
    "caller's token expired": lambda: _caller().settle().wait(2 * DAY),
    "caller's token voided for its age": lambda: (
        _caller().settle().wait(MINUTE).alter_issuer(issuing("not_before", NOW + MINUTE))
    ),
    "caller's digest taken": lambda: _taken(_caller()),
    "application": lambda: Life(application(), gate_issuer()),
    "application switched off": lambda: _portal(having("enabled", False)),
    "application with a client secret due": lambda: _due(
        _portal(having("client_secret.lifetime", "24h"))
    ),
    "application rotated": lambda: _portal().change(rotation("1")),
    "application narrowed": lambda: _portal().change(having("scopes", ("read",))),
    "application with access tokens too long": lambda: _portal().change(
        having("access_token_lifetime", "11h")
    ),
    "application revoked": lambda: _portal().change(having("revoked", True)),
    "application of an operator-signed issuer": lambda: Life(application(), issuer()),
    "application whose client id is taken": lambda: _named_twice(
        Life(application(), gate_issuer())
    ),
    "application whose client id was taken": _named_once_more,
    "application whose client id turned out to be taken": lambda: _named_twice(_portal()),
}
"""By a sentence; each is as it stands before the operator looks."""
