"""Between the small model and the product: facts made from small states, and what the product decides made small."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from lifecycle.build import KEY_ID, NOW, having, issuer, issuing, kind_of, user_token
from mintmaster.api.meta import ObjectMeta
from mintmaster.api.reasons import ConditionType, Reason
from mintmaster.api.status import TokenRecord, TokenStatus
from mintmaster.api.token_issuer import Limits
from mintmaster.lifecycle import rights, secret_content
from mintmaster.lifecycle.conditions import find
from mintmaster.lifecycle.decision import decide
from mintmaster.lifecycle.facts import Facts
from mintmaster.lifecycle.outcome import next_status, record_of, says_something_new
from mintmaster.lifecycle.readiness import Outcome
from mintmaster.lifecycle.secret_view import Reading, view_of
from mintmaster.tokens.digests import digest

if TYPE_CHECKING:
    from mintmaster.api.kinds import TokenResource
    from mintmaster.lifecycle.decision import Issue
    from mintmaster.lifecycle.secret_view import SecretView

WIDE, NARROW = ("read", "write"), ("read",)
ISSUER = issuer(issuing("limits", Limits(issues_per_hour=1)))
"""With a small budget, which bounds what two leaders can do to each other."""

LIFETIME = timedelta(hours=720)
OVERLAP = timedelta(minutes=5)


class Token(NamedTuple):
    """A token on record."""

    number: int
    revision: int
    wide: bool
    ends: str
    """`whole` until it expires, `overlap` until its overlap is over, `ended` when it is."""


class Status(NamedTuple):
    """A status: its tokens, made small, and the number of all else that stands in it."""

    life: int = 0
    revision: int = 0
    tokens: tuple[Token, ...] = ()
    rest: int = 0


class Resource(NamedTuple):
    """The resource."""

    life: int
    narrow: bool = False
    revoked: bool = False
    generation: int = 1
    status: Status = Status()

    @property
    def own(self) -> Status:
        """The status, if it is of this life."""
        return self.status if self.status.life == self.life else Status()

    @property
    def current(self) -> Token | None:
        own = self.own
        return next((it for it in own.tokens if it.revision == own.revision), None)

    @property
    def next_revision(self) -> int:
        return self.own.revision + 1

    def edited(self, **spec: bool) -> Resource:
        return self._replace(generation=self.generation + 1, **spec)  # type: ignore[arg-type]


class Secret(NamedTuple):
    """The Secret of the name that the resource wants."""

    token: int
    """0: one that somebody has forged."""
    life: int
    revision: int


class Unasked(Exception):
    """Something that was read says that no token is to be issued."""


class Step(NamedTuple):
    """What a decision comes to."""

    what: str
    """`issue`, `rewrite`, `say`, `remove`, or `nothing`."""
    issue: Issue | None = None
    reads: bool = False
    """The Secret has to be read first."""


@cache
def decided(resource: Resource, secret: Secret | None, *, read: bool) -> Step:
    """What the product decides on this."""
    facts = _facts(resource, secret, read=read)
    plan = decide(facts)
    if plan is None:
        return Step("nothing")
    if plan.read_secret:
        return Step("nothing", reads=True)
    if plan.issue is not None:
        return Step("issue", plan.issue)
    if plan.rewrite_secret:
        return Step("rewrite")
    if says_something_new(facts.resource.status, next_status(facts, plan, Outcome())):
        return Step("say")
    return Step("remove") if plan.remove_secret and secret is not None else Step("nothing")


@cache
def recorded(resource: Resource, secret: Secret | None, minted: int | None) -> Status:
    """The status that the product writes, with a token that was minted or without. Raises Unasked."""
    facts = _facts(resource, secret, read=False)
    plan = decide(facts)
    if plan is not None and plan.read_secret:
        facts = _facts(resource, secret, read=True)
        plan = decide(facts)
    assert plan is not None
    if minted is None:
        return _small(next_status(facts, plan, Outcome()), resource)
    if plan.issue is None:
        raise Unasked
    outcome = Outcome(issued=_record(facts, plan.issue, minted))
    return _small(next_status(facts, plan, outcome), resource)


def is_well(resource: Resource | None, secret: Secret | None) -> str:
    """What is wrong with what is left when nobody has anything to do; empty if nothing is."""
    if resource is None:
        return "" if secret is None else "a Secret outlives its resource"
    if resource.revoked:
        left = secret is not None or resource.own.tokens
        return "a revoked resource still has something" if left else ""
    current, own = resource.current, resource.own
    if resource.narrow and any(it.wide and it.ends != "ended" for it in own.tokens):
        return "a token has rights that nobody wants any more"
    if sum(it.ends == "whole" for it in own.tokens) > 1:
        return "there are two current tokens"
    ready = find(_RESTS[own.rest].conditions, ConditionType.READY)
    if ready is None:
        return "nothing is said"
    if ready.reason == Reason.TOO_MANY_ISSUES:
        return ""
    if current is None or current.ends != "whole":
        return "there is no current token"
    if secret is None or (secret.token, secret.life) != (current.number, resource.life):
        return "the Secret does not hold the current token"
    return "" if ready.status == "True" else f"not ready: {ready}"


def _text(number: int) -> str:
    return f"e30.{number}.c2ln"


def _uid(life: int) -> str:
    return f"life-{life}"


def _facts(resource: Resource, secret: Secret | None, *, read: bool) -> Facts:
    made = _resource(resource)
    view, data = _secret(secret) if secret is not None else (None, {})
    return Facts(
        kind=kind_of(made),
        resource=made,
        secret=view,
        issuer=ISSUER,
        now=NOW,
        reading=Reading(view, data) if read and view is not None else None,
    )


def _resource(small: Resource) -> TokenResource:
    made = user_token()
    spec = msgspec.structs.replace(
        made.spec, scopes=NARROW if small.narrow else WIDE, revoked=small.revoked
    )
    meta = msgspec.structs.replace(made.metadata, uid=_uid(small.life), generation=small.generation)
    return msgspec.structs.replace(made, metadata=meta, spec=spec, status=_status(small.status))


def _status(small: Status) -> TokenStatus:
    tokens = tuple(_token(token, small.life) for token in small.tokens)
    return msgspec.structs.replace(_RESTS[small.rest], tokens=tokens)


def _small(status: TokenStatus, resource: Resource) -> Status:
    rest = msgspec.structs.replace(status, tokens=())
    if rest not in _RESTS:
        _RESTS.append(rest)
    tokens = tuple(_small_token(record) for record in status.tokens)
    return Status(resource.life, status.revision, tokens, _RESTS.index(rest))


_RESTS = [TokenStatus()]
"""What statuses consist of beside tokens: few, so that they are told apart by their places."""


def _token(small: Token, life: int) -> TokenRecord:
    end = {"whole": NOW + LIFETIME, "overlap": NOW + OVERLAP, "ended": NOW}[small.ends]
    wanted = rights.desired(user_token(having("scopes", WIDE if small.wide else NARROW)), ISSUER)
    return TokenRecord(
        id=f"{_uid(life)}.{small.revision}.{small.number}",
        revision=small.revision,
        key_id=KEY_ID,
        digest=digest(_text(small.number)),
        issued_at=NOW,
        expires_at=NOW + LIFETIME,
        valid_until=end,
        rights=wanted,
    )


def _small_token(record: TokenRecord) -> Token:
    ends = {NOW + LIFETIME: "whole", NOW + OVERLAP: "overlap", NOW: "ended"}
    assert record.valid_until is not None
    number = int(record.id.rpartition(".")[2])
    wide = set(record.rights.scopes) == set(WIDE)
    return Token(number, record.revision, wide, ends[record.valid_until])


def _record(facts: Facts, issue: Issue, minted: int) -> TokenRecord:
    id_ = f"{facts.uid}.{issue.revision}.{minted}"
    return record_of(issue, id_=id_, key_id=KEY_ID, digest=digest(_text(minted)), facts=facts)


def _secret(small: Secret) -> tuple[SecretView, dict[str, bytes]]:
    """The Secret as the product wrote it for the issue of that revision; or forged since."""
    owner = Resource(small.life)
    facts = _facts(owner, None, read=False)
    record = _token(Token(small.token, small.revision, wide=True, ends="whole"), small.life)
    content = secret_content.content(facts, record, token=_text(small.token))
    meta = ObjectMeta(
        name="laptop-token",
        namespace="team",
        uid="secret",
        labels=dict(content.labels),
        annotations=dict(content.annotations),
        owner_references=(content.owner,) if content.owner else (),
    )
    data = dict(content.data)
    if small.token == 0:
        data["token"] = b"e30.forged.c2ln"
    return view_of(meta, data), data
