"""Telling whether a token is active, quickly: what was found is kept until something that it rests on changes."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from mintmaster.api.rights import Rights
from mintmaster.gate.issuer import KnownIssuer
from mintmaster.lifecycle.activity import Inactivity, Presented, end, judge
from mintmaster.lifecycle.gate_minted import judge_minted
from mintmaster.lifecycle.known import KnownResource, KnownToken, compact
from mintmaster.tokens import jws, scopes
from mintmaster.tokens.digests import digest
from mintmaster.tokens.invalid_token import InvalidToken, InvalidTokenCode
from mintmaster.tokens.jws import MAX_TOKEN_BYTES

if TYPE_CHECKING:
    from mintmaster.gate.knowledge import Knowledge
    from mintmaster.gate.settings import VerificationSettings
    from mintmaster.kube.clock import Clock
    from mintmaster.tokens.claims import AccessTokenClaims


class Active(msgspec.Struct, frozen=True, gc=False):
    """A token that is active, and what is known of it."""

    issuer: KnownIssuer
    resource: KnownResource
    record: KnownToken
    ends_at: float
    """POSIX seconds; infinite for one that does not end."""
    actor: str = ""
    """Who acts for the subject, where a token was exchanged."""


Verdict: TypeAlias = Active | Inactivity | InvalidTokenCode
"""An active token, or why it is none."""


class _Finding(msgspec.Struct, gc=False):
    """What was found about a token, and all that it rests on but the time."""

    presented: Presented
    issuer: KnownIssuer
    resource: KnownResource | None
    labels: Mapping[str, str]
    home: KnownIssuer | None
    """The issuer that the resource names: another one than the token's, if the token was exchanged."""
    verdict: Active | Inactivity
    until: float
    """When time alone changes the verdict: the token ends, or its key is retired for good. In POSIX seconds."""
    seen_at: int
    """`Knowledge.changes` when it was last seen to hold."""


class Arrivals:
    """Who waits for news of a resource."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: defaultdict[str, set[asyncio.Future[None]]] = defaultdict(set)
        self.count = 0

    @property
    def full(self) -> bool:
        """Whether nobody more may wait."""
        return self.count >= self._limit

    def tell(self, uid: str) -> None:
        """Wake those who wait for this resource."""
        for waiter in self._waiting.get(uid, ()):
            if not waiter.done():
                waiter.set_result(None)

    async def news_of(self, uid: str) -> None:
        """Wait until something about the resource changes."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting[uid].add(waiter)
        self.count += 1
        try:
            await waiter
        finally:
            self.count -= 1
            self._waiting[uid].discard(waiter)
            if not self._waiting[uid]:
                del self._waiting[uid]


class Verification:
    """Judges the tokens of all issuers."""

    def __init__(
        self,
        knowledge: Knowledge,
        arrivals: Arrivals,
        clock: Clock,
        settings: VerificationSettings,
    ) -> None:
        self._knowledge = knowledge
        self._arrivals = arrivals
        self._clock = clock
        self._settings = settings
        self._findings: OrderedDict[bytes, _Finding] = OrderedDict()

    async def verify(self, issuer: KnownIssuer, token: str) -> Verdict:
        """Judge a token; one that may have been minted a moment ago is waited for, as long as `patience` says."""
        verdict = self.judge(issuer, token)
        if verdict is not Inactivity.NOT_YET_RECORDED or self._arrivals.full:
            return verdict
        finding = self._findings[_name(token)]
        try:
            async with asyncio.timeout(self._settings.patience):
                while verdict is Inactivity.NOT_YET_RECORDED:
                    await self._arrivals.news_of(finding.presented.uid)
                    verdict = self.judge(self._knowledge.issuers.get(issuer.name, issuer), token)
        except TimeoutError:
            return Inactivity.NOT_RECORDED
        return verdict

    def judge(self, issuer: KnownIssuer, token: str) -> Verdict:
        """Judge a token by what is known now."""
        if len(token) > MAX_TOKEN_BYTES:
            return InvalidTokenCode.TOO_LARGE
        name = _name(token)
        finding = self._findings.get(name)
        if finding is None or not self._still_holds(finding, issuer):
            try:
                finding = self._find(issuer, token, finding)
            except InvalidToken as invalid:
                return invalid.code
            self._remember(name, finding)
        return self._at_this_time(finding)

    def _still_holds(self, finding: _Finding, issuer: KnownIssuer) -> bool:
        """Whether nothing has changed that the finding rests on. All of these are replaced when they change."""
        knowledge = self._knowledge
        if finding.issuer is not issuer:
            return False
        if finding.seen_at == knowledge.changes:
            return True
        resource = knowledge.holder(finding.presented)
        holds = (
            finding.resource is resource
            and (resource is None or finding.labels is knowledge.labels(resource.namespace))
            and finding.home is knowledge.home(resource)
        )
        if holds:
            finding.seen_at = knowledge.changes
        return holds

    def _find(self, issuer: KnownIssuer, token: str, before: _Finding | None) -> _Finding:
        if before is not None and _signature_still_holds(before, issuer):
            presented = before.presented
        else:
            presented = self._presented(issuer, token)
        resource = self._knowledge.holder(presented)
        labels = self._knowledge.labels(resource.namespace if resource else "")
        if presented.rights is not None and resource is not None:
            found = judge_minted(presented, self._knowledge.grounds(resource, issuer))
        else:
            found = judge(presented, resource, issuer.view, labels)
        home = self._knowledge.home(resource)
        verdict, until = _verdict(found, presented, issuer, resource)
        changes = self._knowledge.changes
        return _Finding(presented, issuer, resource, labels, home, verdict, until, changes)

    def _presented(self, issuer: KnownIssuer, token: str) -> Presented:
        """What the token says by itself. InvalidToken for a JWT that does not hold."""
        if "." not in token:
            return Presented(digest=digest(token))
        claims = issuer.verifier.verify(token, self._clock.now())
        named = claims.resource
        known = self._knowledge.resource(named.uid)
        record = known.token(claims.jti) if known is not None else None
        return Presented(
            digest=_same(digest(token), record.digest if record else ""),
            key_id=_key_id(token, record),
            jti=record.id if record else claims.jti,
            uid=known.uid if known else named.uid,
            revision=named.revision,
            expires_at=claims.exp,
            issued_at=claims.iat,
            rights=_claimed(claims) if issuer.is_gate_signed else None,
            actor=claims.act.sub if claims.act else "",
        )

    def _at_this_time(self, finding: _Finding) -> Verdict:
        verdict = finding.verdict
        if isinstance(verdict, Inactivity):
            return verdict
        now = self._clock.now().timestamp()
        if now < finding.until:
            return verdict
        return Inactivity.ENDED if now >= verdict.ends_at else InvalidTokenCode.KEY_INACTIVE

    def _remember(self, name: bytes, finding: _Finding) -> None:
        """Keep a finding, but not about an opaque token that nobody knows: strangers can make any number of those."""
        if finding.resource is None and not finding.presented.jti:
            self._findings.pop(name, None)
            return
        self._findings[name] = finding
        if len(self._findings) > self._settings.remembered_tokens:
            self._findings.popitem(last=False)


def _verdict(
    found: KnownToken | Inactivity,
    presented: Presented,
    issuer: KnownIssuer,
    resource: KnownResource | None,
) -> tuple[Active | Inactivity, float]:
    """The verdict, and until when it holds if nothing but time passes."""
    if isinstance(found, Inactivity):
        return found, math.inf
    assert resource is not None  # noqa: S101 - a record stands in a resource
    ends_at = end(found, presented)
    active = Active(issuer, resource, found, ends_at, presented.actor)
    return active, min(ends_at, issuer.end_of(found.key_id))


def _claimed(claims: AccessTokenClaims) -> Rights:
    """What a token says that it may do."""
    return compact(
        Rights(
            subject=claims.sub,
            audiences=claims.aud,
            scopes=scopes.split(claims.scope),
            roles=claims.roles,
            projects=claims.projects,
        )
    )


def _name(token: str) -> bytes:
    """What a finding is kept under: a hash, so that no token stays in memory (I14)."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _signature_still_holds(before: _Finding, issuer: KnownIssuer) -> bool:
    """Whether what a token said by itself stands, although its issuer has been edited: the key is what it was."""
    key_id = before.presented.key_id
    if not key_id:
        return True
    unchanged = issuer.periods.get(key_id) == before.issuer.periods.get(key_id)
    return issuer.url == before.issuer.url and key_id in issuer.keys and unchanged


def _key_id(token: str, record: KnownToken | None) -> str:
    """The `kid` of a token whose signature holds."""
    return _same(str(jws.parse(token).header["kid"]), record.key_id if record else "")


def _same(text: str, kept: str) -> str:
    """The text; if we have it already, that object. 100,000 copies would be felt."""
    return kept if kept == text else text
