"""Who asks a foreign API with a token of Kubernetes: what RBAC lets them give (`grant`) is what they have."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from mintmaster.api.rights import Rights
from mintmaster.api.schema import MAX_SUBJECT_LENGTH
from mintmaster.gate import unverified
from mintmaster.gate.compat.requesters import Requester
from mintmaster.gate.kubernetes_identity import Action, asking
from mintmaster.gate.messages import too_many_failures
from mintmaster.gate.verification import Active
from mintmaster.lifecycle.grants import ALL
from mintmaster.lifecycle.known import KnownResource, KnownToken
from mintmaster.lifecycle.requester import ADMINISTRATOR

if TYPE_CHECKING:
    from mintmaster.gate.callers import Callers
    from mintmaster.gate.issuer import KnownIssuer
    from mintmaster.gate.kubernetes_identity import Identity

GRANT = "grant"

_SUBJECT = "kubernetes:"
"""Before the name of whom Kubernetes knows, where it is said who asked."""


class Wish(NamedTuple):
    """What a request needs: no more is asked about."""

    scopes: tuple[str, ...]
    project: str = ""
    """The project of a runner."""


@dataclass(frozen=True, slots=True)
class ClusterRequesters:
    """Tells who shows a token of Kubernetes."""

    callers: Callers

    async def of(self, issuer: KnownIssuer, credential: str, wish: Wish) -> Requester | None:
        """The bearer, with what of the wish they may give; None for a token that Kubernetes does not know.

        Nothing that any of our issuers may have made is shown to the API server.
        """
        peeked = unverified.claims(credential)
        if not peeked or self.callers.knowledge.issuer_of_url(str(peeked.get("iss"))) is not None:
            return None
        audience = issuer.url if unverified.names_audience(peeked, issuer.url) else None
        identities, failures = self.callers.identities, self.callers.failures
        if failures.spent and not identities.is_known(credential, audience):
            raise too_many_failures()
        with asking():
            identity = await identities.whose(credential, audience)
        if identity is None:
            failures.take()
            return None
        return await self._with_rights(issuer, identity, wish)

    async def _with_rights(self, issuer: KnownIssuer, identity: Identity, wish: Wish) -> Requester:
        """Ask RBAC what people are asked for who apply resources themselves (admission policies)."""
        scopes = tuple(it for it in wish.scopes if it in issuer.view.scope_names)
        questions = [("scopes", scope) for scope in scopes]
        questions += [("roles", ADMINISTRATOR), ("runners", ALL)]
        questions += [("runners", f"Project:{wish.project}")] if wish.project else []
        with asking():
            answers = await asyncio.gather(
                *(
                    self.callers.identities.may(
                        identity, Action(verb=GRANT, resource=resource, name=name)
                    )
                    for resource, name in questions
                )
            )
        given = {question for question, yes in zip(questions, answers, strict=True) if yes}
        return _requester(issuer, identity, wish, given)


def _requester(
    issuer: KnownIssuer, identity: Identity, wish: Wish, given: set[tuple[str, str]]
) -> Requester:
    administers = ("roles", ADMINISTRATOR) in given
    project = (wish.project,) if ("runners", f"Project:{wish.project}") in given else ()
    rights = Rights(
        subject=f"{_SUBJECT}{identity.username}"[:MAX_SUBJECT_LENGTH],
        audiences=issuer.view.spec.audiences,
        scopes=tuple(scope for scope in wish.scopes if ("scopes", scope) in given),
        roles=(ADMINISTRATOR,) if administers else (),
        projects=(ALL,) if ("runners", ALL) in given else project,
    )
    return Requester(_as_token(issuer, rights), administers)


def _as_token(issuer: KnownIssuer, rights: Rights) -> Active:
    """The rights as those of a token that no resource has."""
    record = KnownToken(
        id="",
        revision=0,
        digest="",
        key_id="",
        issued_at=0.0,
        ends_at=math.inf,
        unlimited=False,
        rights=rights,
    )
    resource = KnownResource(
        kind="",
        namespace="",
        name="",
        uid="",
        seniority=("", ""),
        issuer=issuer.name,
        deleted=False,
        revoked=False,
        not_before=-math.inf,
        revision=0,
        runner_type="",
        group="",
        username="",
        claimed_digest="",
        tokens=(record,),
        subject=rights.subject,
    )
    return Active(issuer, resource, record, math.inf)
