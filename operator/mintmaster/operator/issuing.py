"""Carrying out an issue: mint, deliver to the Secret, record in the status; only then is the token active (I3)."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from mintmaster.api.reasons import Reason
from mintmaster.kube.backoff import Backoff
from mintmaster.kube.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    ServerFault,
    TooManyRequests,
    Unreachable,
)
from mintmaster.kube.tracing import UNTRACED
from mintmaster.lifecycle import ownership, secret_content
from mintmaster.lifecycle.decision import decide
from mintmaster.lifecycle.issuer_view import Obstacle
from mintmaster.lifecycle.outcome import next_status
from mintmaster.lifecycle.readiness import Outcome
from mintmaster.lifecycle.template import TemplateInvalid
from mintmaster.operator.minting import mint
from mintmaster.operator.queue import Key
from mintmaster.operator.setbacks import Overtaken, Refused, refusal
from mintmaster.operator.world import SECRET
from mintmaster.tokens.jwt import ClaimsMalformed, TokenTooLarge

if TYPE_CHECKING:
    from mintmaster.api.kinds import TokenResource
    from mintmaster.kube.secrets import Secrets
    from mintmaster.kube.tracing import Tracing
    from mintmaster.lifecycle.decision import Issue, Plan
    from mintmaster.lifecycle.facts import Facts
    from mintmaster.lifecycle.secret_content import Content
    from mintmaster.lifecycle.secret_view import SecretView
    from mintmaster.operator.audit import Audit
    from mintmaster.operator.deference import Deference
    from mintmaster.operator.gathering import Gatherer
    from mintmaster.operator.issuers import Issuers
    from mintmaster.operator.minting import Minted
    from mintmaster.operator.status_entries import StatusEntries
    from mintmaster.operator.statuses import Statuses
    from mintmaster.operator.world import World
    from mintmaster.tokens.claims import StatusListEntry

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """The write of a Secret."""

    secrets: Secrets
    world: World
    audit: Audit

    async def write(self, facts: Facts, content: Content) -> SecretView:
        """Write the Secret of a resource. Raises Overtaken, Refused, or what says that the API is away."""
        meta, name = facts.resource.metadata, ownership.secret_name(facts.resource)
        try:
            view = await self.secrets.write(meta.namespace, name, facts.secret, content)
        except (AlreadyExists, Conflict, NotFound) as error:
            raise Overtaken(f"Secret {name!r}") from error
        except (Forbidden, Invalid) as error:
            raise Refused(refusal(f"Secret {name!r}", error)) from error
        self.world.secrets.wrote(Key(SECRET, meta.namespace, name), view)
        # The watch may have shown this write before its answer came: it was not somebody else's.
        self.audit.clear(Key(facts.kind, meta.namespace, meta.name))
        return view


class Issuing:
    """Issues tokens: two writes each."""

    def __init__(  # noqa: PLR0913 - what an issue takes
        self,
        *,
        delivery: Delivery,
        statuses: Statuses,
        gatherer: Gatherer,
        issuers: Issuers,
        entries: StatusEntries,
        deference: Deference,
        tracing: Tracing = UNTRACED,
    ) -> None:
        self._delivery = delivery
        self._statuses = statuses
        self._gatherer = gatherer
        self._issuers = issuers
        self._entries = entries
        self._deference = deference
        self._tracing = tracing

    async def issue(self, key: Key, facts: Facts, plan: Plan) -> TokenResource:
        """Issue what the plan says; returns the resource with the token recorded.

        Raises Overtaken and Refused; in both cases no token became active.
        """
        assert plan.issue is not None  # noqa: S101 - the caller's condition
        async with self._entries.given(facts, plan.issue) as entry:
            with self._tracing.span("mint"):
                minted = self._mint(facts, plan.issue, entry)
            if minted.token is not None:
                previous = await self._previous_token(facts, plan)
                content = self._content(facts, minted, previous)
                self._deference.delivered(key, await self._delivery.write(facts, content))
            resource = await self._record(key, facts, plan, minted)
            self._deference.forget(key)
            return resource

    def _mint(self, facts: Facts, issue: Issue, entry: StatusListEntry | None) -> Minted:
        try:
            key = self._issuers.signing_key(facts.known_issuer.name)
            return mint(facts, issue, key, entry)
        except TokenTooLarge as error:
            message = f"{error}: ask for fewer scopes, roles, projects or audiences."
            raise Refused(Obstacle(Reason.TOKEN_TOO_LARGE, message)) from None
        except ClaimsMalformed as error:
            raise Refused(
                Obstacle(Reason.NOT_GRANTED, f"The token can't be made: {error}.")
            ) from None

    def _content(self, facts: Facts, minted: Minted, previous: str) -> Content:
        assert minted.token is not None  # noqa: S101 - the caller's condition
        try:
            return secret_content.content(
                facts, minted.record, token=minted.token, previous_token=previous
            )
        except TemplateInvalid as error:
            raise Refused(Obstacle(Reason.TEMPLATE_INVALID, str(error))) from None

    async def _previous_token(self, facts: Facts, plan: Plan) -> str:
        """The plain text of the token that is superseded, where it stays active and the Secret is to show it."""
        spec, current = facts.resource.spec.secret, facts.current
        shows = spec.previous_token_key or "previous_token" in str(spec.template.data)
        overlaps = plan.issue is not None and plan.issue.overlap > timedelta()
        if not (shows and overlaps) or current is None or facts.held_key(current) is None:
            return ""
        if facts.reading is None:
            facts = await self._gatherer.with_reading(facts)
        return facts.token_read(current) or ""

    async def _record(self, key: Key, facts: Facts, plan: Plan, minted: Minted) -> TokenResource:
        """Write the status that makes the token active; held on to through outages of the API server.

        The Secret has been written: as long as nothing has changed, the same token is recorded when the API server
        is back, rather than another one minted. After a conflict the plan must come out the same (I3).
        """
        conflict = False
        for delay in Backoff(cap=5.0):
            try:
                if conflict:
                    facts = await self._unchanged(key, facts, plan, minted)
                    if _is_recorded(facts, minted):
                        return facts.resource
                status = next_status(facts, plan, Outcome(issued=minted.record))
                return await self._statuses.write(key, facts.resource, status)
            except Conflict:
                conflict = True
            except NotFound as error:
                raise Overtaken("the resource is gone") from error
            except (Forbidden, Invalid) as error:
                raise Refused(refusal("the status", error)) from error
            except (ServerFault, TooManyRequests, Unreachable) as error:
                log.warning("the status of %s could not be written yet: %s", key, error)
                await asyncio.sleep(delay)
        raise AssertionError("the back-off is endless")

    async def _unchanged(self, key: Key, facts: Facts, plan: Plan, minted: Minted) -> Facts:
        """The facts with the resource read anew, if they lead to the same issue or show it done; else Overtaken."""
        resource = await self._gatherer.fresh(key)
        if resource is None or resource.metadata.uid != facts.uid:
            raise Overtaken("the resource is gone")
        fresh = replace(
            facts, resource=resource, issuer=self._issuers.view(facts.known_issuer.name)
        )
        if _is_recorded(fresh, minted):
            return fresh
        again = decide(fresh)
        if again is None or again.issue != plan.issue:
            raise Overtaken("the resource has changed")
        return fresh


def _is_recorded(facts: Facts, minted: Minted) -> bool:
    """Whether the token is on record: the answer to a write may get lost although it was carried out."""
    return any(token.id == minted.record.id for token in facts.status.tokens)
